"""Where all who wait for containers of one engine sit together, on one stream of events and one list.

No task stands behind it: one of those who wait leads, that is, listens and looks on behalf of all. When its own wait is
over, or cancelled, another one takes over; nothing is lost by that, for what leads keeps its state here.

A few are looked at by an inspect each, more by one list. Who has been looked at since listening began needs no further
look: events tell the rest. A slow list all the same makes up for what nobody told; where there are no events, or the
connection is lost, lists in growing delays take their place.
"""

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import anyio
from anyio.lowlevel import checkpoint

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import (
    ContainerRuntimeError,
    EngineConnectionError,
    EngineError,
    EngineProtocolError,
    NotFoundError,
    UnsupportedOperationError,
)
from clab_runtime.models import ContainerEvent, EventGap, WaitFor
from clab_runtime.runtime.glances import Glance, Survey
from clab_runtime.runtime.wait_seat import Bell, Seat
from clab_runtime.runtime.wait_ticket import Ticket
from clab_runtime.stream import Stream

FEW = 4
"""Containers that are looked at one by one rather than by a list of all."""

HEARTBEAT = 15.0
"""Seconds between two lists while events are heard."""

GIVE_UP_AFTER = 60.0
"""Seconds for which an engine may be away before those who wait are told so; counted from a look that fails, which is
made a heartbeat after the last one at the latest."""

_AWAY = (EngineConnectionError, EngineProtocolError, TimeoutError)


class WaitingRoom:
    """The waits for one engine's containers."""

    def __init__(
        self,
        listen: Callable[[], Stream[ContainerEvent]],
        survey: Callable[[], Awaitable[Sequence[Glance]]],
        look: Callable[[str], Awaitable[Glance]],
        clock_lead: Callable[[], Awaitable[int]],
    ) -> None:
        """Hear events, list all, look at one, and ask by how many nanoseconds the engine's clock is ahead of ours."""
        self._listen_to = listen
        self._survey = survey
        self._look_at = look
        self._clock_lead = clock_lead
        self._seats: dict[Seat, None] = {}
        self._waiting: dict[Seat, None] = {}
        self._bells: dict[Bell, None] = {}
        self._of_id: dict[str, dict[Ticket, None]] = {}
        self._due: dict[Ticket, None] = {}
        self._leader: Seat | None = None
        self._stream: Stream[ContainerEvent] | None = None
        self.deaf = anyio.Event()
        """Set where there are no events to be heard, for as long as somebody waits."""
        self._lead: int | None = None
        self._delays = growing_delays()
        self._listen_at = self._look_at_all_at = 0.0
        self._away_since: float | None = None

    # ------------------------------------------------------------ coming and going

    def enter(self, seat: Seat) -> None:
        """Take part; what is due for the call is done by whoever leads."""
        self._seats[seat] = None
        self._due.update(dict.fromkeys(seat.looked_for()))
        if self._stream is None:
            self._delays = growing_delays()
        self._interrupt()

    async def leave(self, seat: Seat) -> None:
        """Leave; the last one closes the stream."""
        self._seats.pop(seat, None)
        for ticket in seat.tickets:
            self._forget(ticket)
        await self._close_if_empty()

    async def attend(self, seat: Seat, is_over: Callable[[], object]) -> None:
        """Wait until something is so that verdicts, or bells, bring about."""
        self._waiting[seat] = None
        try:
            while not is_over():
                if self._leader is None:
                    await self._lead_until(seat, is_over)
                else:
                    await seat.woken()
        finally:
            del self._waiting[seat]
            self._hand_over()

    def ring_for(self, bell: Bell) -> None:
        """Have a bell rung from now on."""
        self._bells[bell] = None
        self._interrupt()

    async def silence(self, bell: Bell) -> None:
        """Leave a bell alone again."""
        self._bells.pop(bell, None)
        await self._close_if_empty()

    async def _close_if_empty(self) -> None:
        if not self._seats and not self._bells:
            self.deaf = anyio.Event()  # an engine that refused may think better of it
            await self._stop_listening()

    def doubt(self, ticket: Ticket) -> None:
        """Have a container looked at exactly."""
        if ticket.verdict is None:
            ticket.doubtful = True
            self._due[ticket] = None
            self._interrupt()

    def close(self, error: Exception) -> None:
        """End all waits by an error."""
        for seat in list(self._seats):
            self._fail(seat.tickets, error)

    # ------------------------------------------------------------ leading

    async def _lead_until(self, seat: Seat, is_over: Callable[[], object]) -> None:
        self._leader = seat
        try:
            await checkpoint()  # whoever comes in the same moment is to be in the same list
            while not is_over():
                await self._step(seat)
        finally:
            self._leader = None

    def _hand_over(self) -> None:
        """Let another one lead."""
        if self._leader is None and self._waiting:
            next(iter(self._waiting)).wake()

    def _interrupt(self) -> None:
        """Make whoever leads see what is due."""
        if self._leader is not None:
            self._leader.wake()

    async def _step(self, seat: Seat) -> None:
        """Do what is to be done next, one thing: whatever takes time may bring about what is waited for."""
        if self._may_listen() and not self._first_look_may_do():
            await self._listen()
        elif self._due:
            await self._look()
        else:
            await self._rest(seat)

    def _may_listen(self) -> bool:
        return self._stream is None and not self.deaf.is_set() and anyio.current_time() >= self._listen_at

    def _first_look_may_do(self) -> bool:
        """Tell whether there are but a few, none of them looked at: they may need no second look, nor any event.

        An end is listened for at once: no look shows one that a restart policy has followed up.
        """
        tickets = self._unjudged()
        is_new = not any(ticket.id or ticket.condition is WaitFor.EXITED for ticket in tickets)
        return len(tickets) <= FEW and not self._bells and is_new

    # ------------------------------------------------------------ listening

    async def _listen(self) -> None:
        """Begin to hear events; whoever was looked at before may have missed one."""
        stream = self._listen_to()
        try:
            await self._open(stream)
        except BaseException as exc:
            with anyio.CancelScope(shield=True):
                await stream.aclose()
            if not isinstance(exc, Exception):
                raise
            self._can_not_listen(exc)
        else:
            self._stream = stream
            self._delay_looks(HEARTBEAT)
            self._everything_is_due()

    async def _open(self, stream: Stream[ContainerEvent]) -> None:
        await stream.__aenter__()  # it is left by whoever waits last
        if self._lead is None:
            self._lead = await self._clock_lead()

    def _can_not_listen(self, error: Exception) -> None:
        """Do without events: for good where the engine has none, else for a while."""
        if isinstance(error, UnsupportedOperationError | EngineError):
            self.deaf.set()
        elif isinstance(error, _AWAY):
            self._listen_at = anyio.current_time() + next(self._delays)
        else:
            raise error

    async def _stop_listening(self) -> None:
        """Close the stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with anyio.CancelScope(shield=True):
                await stream.aclose()

    async def _lose(self) -> None:
        """Do without the stream, which has ended; a new one is asked for a moment later."""
        self._listen_at = anyio.current_time() + next(self._delays)
        await self._stop_listening()
        self._everything_is_due()

    async def _rest(self, seat: Seat) -> None:
        """Wait for an event, until something else is to be done."""
        event: ContainerEvent | None = None
        lost = False
        with seat.resting(until=self._next_time()):
            event = await self._next_event()
            lost = event is None
        if event is not None:
            self._hear(event)
        elif lost:
            await self._lose()
        elif anyio.current_time() >= self._look_at_all_at:
            self._delay_looks(HEARTBEAT)
            self._due.update(self._unjudged())

    async def _next_event(self) -> ContainerEvent | None:
        """Wait for an event; None: the connection is lost."""
        if self._stream is None:
            await anyio.sleep_forever()
            raise AssertionError
        try:
            return await anext(self._stream, None)
        except ContainerRuntimeError:  # what it was is said by the look that follows, if it concerns anybody
            return None

    def _next_time(self) -> float:
        """Tell when something is due by itself."""
        has_tickets = any(ticket.is_looked_for for seat in self._seats for ticket in seat.tickets)
        look_at = self._look_at_all_at if has_tickets else math.inf
        return look_at if self._stream is not None or self.deaf.is_set() else min(look_at, self._listen_at)

    def _hear(self, event: ContainerEvent) -> None:
        """Pass an event on to those whom it concerns."""
        self._delays = growing_delays()
        if isinstance(event, EventGap):
            self._everything_is_due()
            return
        for ticket in self._of_id.get(event.actor_full_id, ()):
            ticket.hear(event, self._lead or 0)
            if ticket.doubtful and ticket.verdict is None:
                self._due[ticket] = None
        for bell in self._bells:
            if bell.is_of(event):
                bell.ring()

    # ------------------------------------------------------------ looking

    async def _look(self) -> None:
        """Look at those for whom it is due."""
        due = [ticket for ticket in self._due if ticket.is_looked_for]
        try:
            await self._look_at_these(due)
        except (*_AWAY, EngineError) as exc:  # a list that fails: what one inspect makes of it is that container's
            self._is_away(due, exc)
        except ContainerRuntimeError as exc:
            self._fail(due, exc)
        else:
            self._away_since = None
        self._due = {ticket: None for ticket in self._due if ticket.is_looked_for}
        if self._stream is None:
            self._delay_looks(next(self._delays))

    async def _look_at_these(self, due: Sequence[Ticket]) -> None:
        doubtful, others = _grouped(due, doubtful=True), _grouped(due, doubtful=False)
        if len(others) > FEW:
            survey = Survey(await self._survey())
            for container, tickets in others.items():
                self._see(tickets, survey.find(container))
        else:
            doubtful = {**doubtful, **others} if not doubtful.keys() & others.keys() else _grouped(due)
        await run_all(partial(self._inspect, container, tickets) for container, tickets in doubtful.items())

    async def _inspect(self, container: str, tickets: Sequence[Ticket]) -> None:
        """Look at one container exactly."""
        try:
            glance = await self._look_at(container)
        except NotFoundError as exc:
            for ticket in tickets:
                ticket.missing(exc)
        except EngineError as exc:
            self._fail(tickets, exc)
        else:
            self._see(tickets, glance)

    def _see(self, tickets: Iterable[Ticket], glance: Glance | None) -> None:
        """Take what was seen; what a list lacks is looked for exactly."""
        for ticket in tickets:
            if glance is None:
                ticket.doubtful = True
                continue
            ticket.see(glance)
            self._of_id.setdefault(glance.id, {})[ticket] = None
            if not ticket.doubtful:
                self._due.pop(ticket, None)

    def _is_away(self, due: Sequence[Ticket], error: Exception) -> None:
        """Tell those who have seen nothing yet that the engine is away; the others when that lasts too long."""
        now = anyio.current_time()
        if self._away_since is None:
            self._away_since = now
        lasts = now - self._away_since >= GIVE_UP_AFTER
        self._fail([ticket for ticket in due if lasts or not ticket.id], error)
        self._due.clear()
        self._delay_looks(next(self._delays))

    def _fail(self, tickets: Iterable[Ticket], error: Exception) -> None:
        for ticket in tickets:
            ticket.fail(error)

    def _delay_looks(self, seconds: float) -> None:
        self._look_at_all_at = anyio.current_time() + seconds

    def _everything_is_due(self) -> None:
        """Have all looked at, since events may have been missed."""
        for ticket in self._unjudged():
            ticket.forget()
            self._due[ticket] = None
        for bell in self._bells:
            bell.ring()

    def _unjudged(self) -> dict[Ticket, None]:
        return {ticket: None for seat in self._seats for ticket in seat.looked_for()}

    def _forget(self, ticket: Ticket) -> None:
        self._due.pop(ticket, None)
        of_id = self._of_id.get(ticket.id)
        if of_id is not None:
            of_id.pop(ticket, None)
            if not of_id:
                del self._of_id[ticket.id]


def _grouped(tickets: Iterable[Ticket], *, doubtful: bool | None = None) -> dict[str, list[Ticket]]:
    """Put those together that wait for one container."""
    found: dict[str, list[Ticket]] = {}
    for ticket in tickets:
        if doubtful is None or ticket.doubtful is doubtful:
            found.setdefault(ticket.id or ticket.container, []).append(ticket)
    return found
