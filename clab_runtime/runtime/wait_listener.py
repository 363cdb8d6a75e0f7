"""The one stream of events that all who wait for containers of one engine listen to.

It is opened for the first of them who needs it and closed behind the last. Lost, or not to be had for the moment, it is
asked for again in growing delays; where the engine has no events for us, not again before everybody has left.
"""

import math
from collections.abc import Awaitable, Callable

import anyio

from clab_runtime.backoff import Delays
from clab_runtime.errors import ContainerRuntimeError, EngineError, UnsupportedOperationError
from clab_runtime.models import ContainerEvent
from clab_runtime.stream import Stream
from clab_runtime.streams.patience import CUTS


class Listener:
    """What listens to one engine's events."""

    def __init__(
        self, listen: Callable[[], Stream[ContainerEvent]], ask_lead: Callable[[], Awaitable[int]], delays: Delays
    ) -> None:
        """Hear the events of `listen`; ask by how many nanoseconds the engine's clock is ahead of ours."""
        self._listen = listen
        self._ask_lead = ask_lead
        self._delays = delays
        self._stream: Stream[ContainerEvent] | None = None
        self._opens_at = 0.0
        self._deaf = anyio.Event()
        self._lead: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether events are heard."""
        return self._stream is not None

    @property
    def opens_at(self) -> float:
        """From when on it may be opened: never, where it is open, or where there are no events."""
        return math.inf if self.is_open or self._deaf.is_set() else self._opens_at

    @property
    def clock_lead(self) -> int:
        """By how many nanoseconds, at most, the engine's clock is ahead of ours; it is known once events are heard."""
        return self._lead or 0

    async def deafened(self) -> None:
        """Wait until it turns out that there are no events to be heard."""
        await self._deaf.wait()

    async def open(self) -> None:
        """Begin to hear events, if they are to be had."""
        stream = self._listen()
        try:
            await self._enter(stream)
        except BaseException as exc:
            with anyio.CancelScope(shield=True):
                await stream.aclose()
            if not isinstance(exc, Exception):
                raise
            self._do_without(exc)
        else:
            self._stream = stream

    async def next(self) -> ContainerEvent | None:
        """Wait for an event, for ever where none is heard; None: the connection is lost."""
        if self._stream is None:
            await anyio.sleep_forever()
            raise AssertionError
        try:
            return await anext(self._stream, None)
        except ContainerRuntimeError:  # what it was is said by the look that follows, if it concerns anybody
            return None

    async def lose(self) -> None:
        """Let go of a stream that has ended; a new one is asked for a moment later."""
        self._open_later()
        await self._let_go()

    async def close(self) -> None:
        """Stop listening, for nobody is left."""
        self._deaf = anyio.Event()  # an engine that refused may think better of it
        await self._let_go()

    async def _enter(self, stream: Stream[ContainerEvent]) -> None:
        await stream.__aenter__()  # it is left by whoever waits last
        if self._lead is None:
            self._lead = await self._ask_lead()

    def _do_without(self, error: Exception) -> None:
        """Have no events: none at all where the engine has none, else none for a while."""
        if isinstance(error, UnsupportedOperationError | EngineError):
            self._deaf.set()
        elif isinstance(error, CUTS):
            self._open_later()
        else:
            raise error

    def _open_later(self) -> None:
        self._opens_at = anyio.current_time() + self._delays.next()

    async def _let_go(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with anyio.CancelScope(shield=True):
                await stream.aclose()
