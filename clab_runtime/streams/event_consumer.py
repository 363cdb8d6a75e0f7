"""One stream of events: which ones are for it, and those that wait for its user."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import anyio

from clab_runtime.models import ContainerEvent, EventGap, EventStreamOptions
from clab_runtime.models.timestamps import from_nanoseconds
from clab_runtime.streams.event_buffer import EventBuffer
from clab_runtime.streams.event_memory import Span

BATCH: Final = 256
"""Events that are given without a look at what else goes on in the event loop."""

TRUST: Final = 10.0
"""Seconds after which what comes has just happened, whatever the engine's clock says: somebody may have set it back."""

Wanted = Callable[[ContainerEvent], bool]
"""What tells whether an event is for a stream."""


class Desk(Protocol):
    """Where streams of events are opened and closed."""

    async def enter(self, consumer: "EventConsumer") -> None:
        """Listen for a consumer from now on."""
        ...

    async def leave(self, consumer: "EventConsumer") -> None:
        """Have nothing more for a consumer."""
        ...


class EventConsumer:
    """The source of one stream of events, which the reader of all of them fills."""

    def __init__(self, desk: Desk, wanted: Wanted, options: EventStreamOptions) -> None:
        """Want the events for which `wanted` is true."""
        self._desk = desk
        self._wanted = wanted
        self._options = options
        self._since = 0
        self._begun_at = math.inf
        self._buffer: EventBuffer | None = None
        self._arrival: anyio.Event | None = None
        self._failure: Exception | None = None
        self._closed = False
        self.connection: int | None = None
        """The number of the connection that it was opened with; None while it is being opened."""

    @property
    def give_up_after(self) -> float:
        """Seconds for which the engine may be away."""
        return self._options.give_up_after

    @property
    def is_served(self) -> bool:
        """Whether there is somebody who may be told something."""
        return self._failure is None and not self._closed

    # ------------------------------------------------------------ the user's side

    async def open(self) -> None:
        """Return when it is listened to what happens."""
        await self._desk.enter(self)

    async def next_batch(self) -> Iterator[ContainerEvent] | None:
        """Wait for events; raise what made an end of it once all that came before has been given."""
        if (buffer := self._buffer) is None:
            return None
        while not (buffer.has_something or self._failure or self._closed):
            self._arrival = anyio.Event()
            await self._arrival.wait()
        if self._closed:
            raise anyio.ClosedResourceError
        if self._failure is not None and not buffer.has_something:
            raise self._failure
        return _taken_from(buffer)

    async def aclose(self) -> None:
        """Be done; who waits for events is woken up."""
        self._closed = True
        self._wake()
        await self._desk.leave(self)

    # ------------------------------------------------------------ the reader's side

    def begin(self, moment: int) -> None:
        """Begin at a moment, in nanoseconds since 1970 on the engine's clock."""
        self._since = moment
        self._begun_at = time.monotonic()
        self._buffer = EventBuffer(self._options, from_nanoseconds(moment))

    def offer(self, event: ContainerEvent, *, is_settled: bool) -> None:
        """Take an event, if it is wanted and not older than the stream; `is_settled`: nothing old comes any more."""
        if 0 < event.time_nano < self._since and not (is_settled and time.monotonic() - self._begun_at > TRUST):
            return
        try:
            if self._wanted(event):
                self._put(event)
        except Exception as exc:  # noqa: BLE001 - it is raised where the stream is read, and no other one is to suffer
            self.fail(exc)

    def miss(self, span: Span, reason: str) -> None:
        """Be told that events are missing."""
        since = from_nanoseconds(max(span.since, min(self._since, span.until)))
        self._put(EventGap(since=since, timestamp=from_nanoseconds(span.until), time_nano=span.until, reason=reason))

    def fail(self, failure: Exception) -> None:
        """End by an error, behind all that has come."""
        self._failure = self._failure or failure
        self._wake()

    def _put(self, event: ContainerEvent) -> None:
        """Have an event wait for the user."""
        if self._buffer is not None and self.is_served:
            self._buffer.put(event)
            self._wake()

    def _wake(self) -> None:
        """Wake up who waits."""
        if self._arrival is not None:
            self._arrival.set()


def _taken_from(buffer: EventBuffer) -> Iterator[ContainerEvent]:
    """Take events only when they are asked for: until then they count as waiting."""
    for _ in range(BATCH):
        if not buffer.has_something:
            return
        yield buffer.take()
