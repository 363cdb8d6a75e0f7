"""Reads the events of an engine over one connection, for all who want some, and over the next one when that is lost.

It never raises: who opens a stream is told why there is no connection, and who has one when that goes on for too long.
"""

import logging
import math
import time
from collections.abc import Callable, Collection
from itertools import chain
from typing import Final, NoReturn, Protocol

import anyio
from anyio.lowlevel import checkpoint

from clab_runtime.backoff import growing_delays
from clab_runtime.engine import schema
from clab_runtime.engine.background import Background
from clab_runtime.engine.framing import JSONDecoder
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import EngineConnectionError, EngineProtocolError, already_closed
from clab_runtime.models import ContainerEvent
from clab_runtime.streams.event_consumer import TRUST, EventConsumer
from clab_runtime.streams.event_memory import EventHistory, EventMemory, Span

logger = logging.getLogger("clab_runtime")

QUIET: Final = 1.0
"""Seconds without an event after which an engine has told all that it remembers."""

FIRST_PAUSE: Final = 0.05
LAST_PAUSE: Final = 2.0
"""Seconds between two tries to connect, the first and the last."""

SHORTEST_TRY: Final = 1.0
"""Seconds that an engine gets to answer, even where somebody wants to give up at once."""


class EventOrigin(Protocol):
    """The engine, as far as its events go."""

    @property
    def name(self) -> str:
        """Where it is."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds that it gets to answer."""
        ...

    @property
    def history(self) -> EventHistory:
        """What it remembers."""
        ...

    async def now(self) -> int:
        """Tell the time on its clock, in nanoseconds since 1970."""
        ...

    async def listen(self, since: int) -> RawStream:
        """Prepare to read its events since a moment on its clock."""
        ...

    def translator(self) -> Callable[[schema.Event], ContainerEvent | None]:
        """Make what translates its events; it makes None of one that is of no interest."""
        ...


class _Try:
    """A try to connect: those who open streams wait for how it ends."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.failure: Exception | None = None


class _Outage:
    """A time in which tries fail."""

    def __init__(self) -> None:
        self.begun_at = time.monotonic()
        self.pauses = chain((0.0,), growing_delays(FIRST_PAUSE, LAST_PAUSE))
        self.was_told = False

    @property
    def seconds(self) -> float:
        """How long it has lasted."""
        return time.monotonic() - self.begun_at


class EventReader:
    """The connection, and what is known from those before it."""

    def __init__(self, origin: EventOrigin, consumers: Collection[EventConsumer], begun: int) -> None:
        """Read for those who are in `consumers` at any time, from a moment on the engine's clock."""
        self._origin = origin
        self._consumers = consumers
        self._memory = EventMemory(origin.history, begun)
        self._translate = origin.translator()
        self._connections = 0
        self._connected_at = math.inf
        self._clock = begun - time.monotonic_ns()
        self._outage: _Outage | None = None
        self._try = _Try()
        self._hurry = anyio.Event()
        self._background = Background(self._run, f"events of {origin.name}")

    @property
    def is_running(self) -> bool:
        """Whether it still reads, or tries to."""
        return self._background.is_running

    async def join(self, consumer: EventConsumer) -> None:
        """Return when there is a connection; raise what the next try to get one fails by."""
        if self._connected_at < math.inf:
            consumer.connection = self._connections
            return
        current = self._try
        self._hurry.set()
        await current.ended.wait()
        if current.failure is not None:
            raise current.failure

    async def stop(self) -> None:
        """End the connection; who waits for one gets none."""
        await self._background.stop()

    # ------------------------------------------------------------ one connection after the other

    async def _run(self) -> None:
        """Read, until nobody is left who wants to go on."""
        try:
            while any(consumer.is_served for consumer in self._consumers):
                try:
                    raw = await self._connect()
                except Exception as exc:  # noqa: BLE001 - whatever it is, the next try may do better
                    if not any(consumer.is_listening for consumer in self._consumers):
                        return  # who wanted to listen knows by now why that can't be
                    await self._pause_after(exc)
                else:
                    await self._read_and_close(raw)
        finally:
            self._end_try(already_closed(self._origin.name))

    async def _read_and_close(self, raw: RawStream) -> None:
        """Have one connection, until it is lost."""
        try:
            await self._read(raw)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the next connection may do better
            failure = exc
        finally:
            self._connected_at = math.inf
            with anyio.CancelScope(shield=True):
                await raw.aclose()
        await self._pause_after(failure)

    async def _connect(self) -> RawStream:
        """Get a connection, and let in who waits for it."""
        try:
            with anyio.move_on_after(self._patience()):
                raw = await self._ask()
                self._let_in()
                return raw
        except Exception as exc:
            self._end_try(exc)
            raise
        failure = TimeoutError(f"GET /events: {self._origin.name} has not answered in time")
        self._end_try(failure)
        raise failure

    async def _ask(self) -> RawStream:
        """Ask the engine for what has happened since the last event that was seen."""
        now = await self._origin.now()
        raw = await self._origin.listen(self._memory.since(now))
        await raw.open()
        self._clock = now - time.monotonic_ns()
        return raw

    def _let_in(self) -> None:
        """Count a connection, and have it be that of who waits for it."""
        self._connected_at = time.monotonic()
        if self._connections:
            self._memory.resume()
        self._connections += 1
        for consumer in self._consumers:
            if consumer.connection is None:
                consumer.connection = self._connections
        self._end_try(None)

    def _end_try(self, failure: Exception | None) -> None:
        """Tell who waits how a try has ended; who comes now waits for the next one."""
        ended, self._try = self._try, _Try()
        ended.failure = failure
        ended.ended.set()

    # ------------------------------------------------------------ one connection

    async def _read(self, raw: RawStream) -> NoReturn:
        """Pass on what comes, until that ends."""
        decoder = JSONDecoder(schema.Event)
        patience = QUIET
        while (data := await _receive(raw, patience)) != b"":
            if data is None:
                patience = math.inf
                self._miss(self._memory.settle(self._clock + time.monotonic_ns()))
                self._recover()
                continue
            for event in decoder.feed(data):
                self._take(event)
        raise EngineProtocolError("the engine ended the stream of events; it may have been stopped")

    def _take(self, event: schema.Event) -> None:
        """Pass on an event, unless it has been before."""
        if not event.action:
            raise EngineProtocolError(f"the engine sent something else than an event: {event.message!r}")
        is_new, missing = self._memory.take(event)
        self._miss(missing)
        if is_new:
            self._pass_on(event)
            self._recover()

    def _pass_on(self, event: schema.Event) -> None:
        """Offer an event to all."""
        try:
            translated = self._translate(event)
        except Exception:
            self._memory.forget(event)
            raise
        if translated is not None:
            is_settled = time.monotonic() - self._connected_at > TRUST
            for consumer in tuple(self._consumers):
                consumer.offer(translated, is_settled=is_settled)

    def _miss(self, missing: Span | None) -> None:
        """Tell those of a gap who listened before it."""
        if missing is not None:
            for consumer in tuple(self._consumers):
                if consumer.connection is not None and consumer.connection < self._connections:
                    consumer.miss(missing, self._origin.history.loss)

    # ------------------------------------------------------------ an engine that is away

    async def _pause_after(self, failure: Exception) -> None:
        """Begin an outage or go on with it, and wait before the next try, unless somebody is in a hurry."""
        if self._outage is None:
            self._outage = _Outage()
        else:
            self._give_up(self._outage.seconds, failure)
        self._tell(self._outage, failure)
        self._hurry = anyio.Event()
        with anyio.move_on_after(next(self._outage.pauses)):
            await self._hurry.wait()

    def _tell(self, outage: _Outage, failure: Exception) -> None:
        """Log an outage once, if it is one for anybody."""
        if not outage.was_told and any(consumer.is_listening for consumer in self._consumers):
            outage.was_told = True
            logger.warning("no events can be read from %s for now: %s", self._origin.name, failure)

    def _give_up(self, seconds: float, cause: Exception) -> None:
        """Raise in the streams that have waited long enough."""
        for consumer in tuple(self._consumers):
            if consumer.is_listening and seconds >= consumer.give_up_after:
                failure = EngineConnectionError(
                    self._origin.name,
                    f"its events could not be read for {seconds:.1f} s: {cause}",
                    "see whether the engine is running",
                )
                failure.__cause__ = cause
                consumer.fail(failure)

    def _patience(self) -> float:
        """Tell how many seconds a try may take."""
        away = 0.0 if self._outage is None else self._outage.seconds
        limits = (consumer.give_up_after - away for consumer in self._consumers if consumer.is_listening)
        return max(min(self._origin.timeout, *limits, math.inf), SHORTEST_TRY)

    def _recover(self) -> None:
        """End an outage, once a connection has brought something, or has held for a while."""
        if self._outage is not None:
            if self._outage.was_told:
                logger.info("events are read from %s again, after %.1f s", self._origin.name, self._outage.seconds)
            self._outage = None


async def _receive(raw: RawStream, seconds: float) -> bytes | None:
    """Return what comes; None: nothing has for so many seconds."""
    await checkpoint()  # a fast engine never makes the socket wait, and no other task would run
    with anyio.move_on_after(seconds):
        return await raw.receive()
    return None
