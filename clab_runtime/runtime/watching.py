"""The set of containers as a stream of changes: listening first, then a look at all, then at what events tell of.

Nothing runs behind the consumer's back. It is the events that wait while it is slow, and where they have overflown
there is a gap, which a look at everything closes; however much has happened, a look takes one list. All that is known
stands in the source, so that a wait that is cancelled loses nothing.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import EngineConnectionError, EngineInternalError, EngineProtocolError
from clab_runtime.models import ChangeKind, ContainerChange, ContainerEvent, EventGap, GenericFilter
from clab_runtime.runtime.base import ContainerRuntime
from clab_runtime.runtime.listing import Lister, Seen, Selection, look
from clab_runtime.runtime.watch_agenda import Agenda
from clab_runtime.runtime.watched import Watched, container_of
from clab_runtime.stream import Stream

Look = Callable[[Collection[str] | None], Awaitable[Sequence[Seen]]]
"""What lists the containers of these ids, or all, as far as they are wanted."""

_FAILURES = (EngineProtocolError, EngineInternalError, TimeoutError)
"""What comes of an engine that is stopped in the middle of its answer, or not well."""


def look_for(filters: Sequence[GenericFilter], engine: EngineClient, lister: Lister, runtime: ContainerRuntime) -> Look:
    """Make what looks at the containers that all filters let pass, and hands them out as a runtime's."""

    async def look_at(ids: Collection[str] | None) -> Sequence[Seen]:
        found = await look(engine, lister, Selection(filters, ids), runtime.mgmt.network)
        return [Seen(seen.container.with_runtime(runtime), seen.stale) for seen in found]

    return look_at


class WatchSource:
    """The changes of a set of containers."""

    def __init__(self, listen: Callable[[], Stream[ContainerEvent]], look: Look) -> None:
        """Hear what `listen` gives, which is about all containers, and find by `look` what has become of them."""
        self._listen = listen
        self._look = look
        self._events: Stream[ContainerEvent] | None = None
        self._watched = Watched()
        self._agenda = Agenda()
        self._told: list[ContainerChange] = []
        self._owes_synced = True
        self._ended = False
        self._waiting: anyio.CancelScope | None = None

    async def open(self) -> None:
        """Begin to listen."""
        events = self._listen()
        try:
            await events.__aenter__()
        except BaseException:
            with anyio.CancelScope(shield=True):
                await events.aclose()
            raise
        self._events = events

    async def next_batch(self) -> Sequence[ContainerChange] | None:
        """Wait for something to change; None once the watch, or what it listens to, has been closed."""
        if self._events is None:
            return None
        with anyio.CancelScope() as self._waiting:
            while not (self._told or self._ended):
                await self._hear(self._events)
                if not (self._told or self._ended):
                    await self._see()
        told, self._told = self._told, []
        return told or None

    async def aclose(self) -> None:
        """Stop listening, and end a wait."""
        self._ended = True
        if self._waiting is not None:
            self._waiting.cancel()
        if self._events is not None:
            await self._events.aclose()

    async def _hear(self, events: Stream[ContainerEvent]) -> None:
        """Take in events until a look is due, or there is something to tell."""
        with anyio.CancelScope(deadline=self._agenda.due) as scope:
            try:
                while not self._told:
                    self._note(await anext(events))
                    if scope.deadline != self._agenda.due:
                        scope.deadline = self._agenda.due
            except StopAsyncIteration:
                self._ended = True

    def _note(self, event: ContainerEvent) -> None:
        """Put on the agenda what an event asks for."""
        if isinstance(event, EventGap):
            self._told.append(ContainerChange(kind=ChangeKind.GAP, gap=event))
            self._owes_synced = True
            self._agenda.add_everything(anyio.current_time())
        elif self._watched.is_news(event):
            self._agenda.add(container_of(event), anyio.current_time())

    async def _see(self) -> None:
        """Look at what there is to look at; an engine that is away is asked again, until the events give it up."""
        wanted = self._agenda.wanted(anyio.current_time())
        try:
            seen = await self._look(wanted)
        except EngineConnectionError:
            self._agenda.put_off(anyio.current_time())
        except _FAILURES:
            if self._agenda.failed(anyio.current_time()):
                raise
        else:
            self._take(wanted, seen)

    def _take(self, wanted: Collection[str] | None, seen: Sequence[Seen]) -> None:
        """Tell what is different."""
        stale = [item.container.id for item in seen if item.stale]
        self._agenda.done(wanted, stale, anyio.current_time())
        self._told += self._watched.take([item.container for item in seen], wanted)
        if wanted is None and self._owes_synced:
            self._told.append(ContainerChange(kind=ChangeKind.SYNCED))
            self._owes_synced = False
