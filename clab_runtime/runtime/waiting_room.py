"""Where all who wait for containers of one engine sit together, on one stream of events and one list.

No task stands behind it: one of those who wait leads, that is, listens and looks on behalf of all. When its own wait is
over, or cancelled, another one takes over; nothing is lost by that, for what leads keeps its state here.

Who has been looked at since listening began needs no further look: events tell the rest. A slow list all the same makes
up for what nobody told; where there are no events, or the connection is lost, lists in growing delays take their place.
"""

import math
from collections.abc import Awaitable, Callable, Sequence

import anyio
from anyio.lowlevel import checkpoint

from clab_runtime.backoff import Delays
from clab_runtime.models import ContainerEvent, EventGap, WaitFor
from clab_runtime.runtime.glances import Glance
from clab_runtime.runtime.wait_listener import Listener
from clab_runtime.runtime.wait_looks import FEW, Looks
from clab_runtime.runtime.wait_seat import Bell, Seat
from clab_runtime.runtime.wait_ticket import Ticket
from clab_runtime.runtime.waiters import Waiters
from clab_runtime.stream import Stream

HEARTBEAT = 15.0
"""Seconds between two lists while events are heard."""


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
        self._delays = Delays()
        self._waiters = Waiters()
        self._listener = Listener(listen, clock_lead, self._delays)
        self._looks = Looks(survey, look, self._waiters)
        self._attending: dict[Seat, None] = {}
        """Those who wait at this moment, any of whom may lead."""
        self._leader: Seat | None = None
        self._closed_by: Exception | None = None

    # ------------------------------------------------------------ coming and going

    def enter(self, seat: Seat) -> None:
        """Take part; what is due for the call is done by whoever leads."""
        self._waiters.add(seat)
        if self._closed_by is not None:
            self.close(self._closed_by)
        self._looks.add(seat.looked_for())
        if not self._listener.is_open:
            self._delays.restart()
        self._interrupt()

    async def leave(self, seat: Seat) -> None:
        """Leave; the last one closes the stream."""
        self._waiters.remove(seat)
        self._looks.drop(seat.tickets)
        await self._close_if_empty()

    def ring_for(self, bell: Bell) -> None:
        """Have a bell rung from now on."""
        self._waiters.add_bell(bell)
        self._interrupt()

    async def silence(self, bell: Bell) -> None:
        """Leave a bell alone again."""
        self._waiters.remove_bell(bell)
        await self._close_if_empty()

    async def _close_if_empty(self) -> None:
        if self._waiters.are_gone:
            await self._listener.close()

    def close(self, error: Exception) -> None:
        """End all waits by an error, those to come as well."""
        self._closed_by = error
        for ticket in self._waiters.tickets():
            ticket.outcome.fail(error)

    # ------------------------------------------------------------ waiting

    async def attend(self, seat: Seat, is_over: Callable[[], object]) -> None:
        """Wait until something is so that verdicts, or bells, bring about."""
        self._attending[seat] = None
        try:
            while not is_over():
                if self._leader is None:
                    await self._lead_until(seat, is_over)
                else:
                    await seat.woken()
        finally:
            del self._attending[seat]
            self._hand_over()

    def doubt(self, ticket: Ticket) -> None:
        """Have a container looked at exactly."""
        if ticket.outcome.verdict is None:
            ticket.doubt()
            self._looks.add([ticket])
            self._interrupt()

    async def deafened(self) -> None:
        """Wait until it turns out that there are no events to be heard."""
        await self._listener.deafened()

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
        if self._leader is None and self._attending:
            next(iter(self._attending)).wake()

    def _interrupt(self) -> None:
        """Make whoever leads see what is due."""
        if self._leader is not None:
            self._leader.wake()

    async def _step(self, seat: Seat) -> None:
        """Do what is to be done next, one thing: whatever takes time may bring about what is waited for."""
        if anyio.current_time() >= self._listener.opens_at and not self._first_look_may_do():
            await self._listen()
        elif self._looks.are_due:
            await self._look()
        else:
            await self._rest(seat)

    def _first_look_may_do(self) -> bool:
        """Tell whether there are but a few, none of them looked at: they may need no second look, nor any event.

        An end is listened for at once: no look shows one that a restart policy has followed up.
        """
        tickets = list(self._waiters.unjudged())
        is_new = not any(ticket.id or ticket.condition is WaitFor.EXITED for ticket in tickets)
        return len(tickets) <= FEW and not self._waiters.have_bells and is_new

    async def _listen(self) -> None:
        """Begin to hear events; whoever was looked at before may have missed one."""
        await self._listener.open()
        if self._listener.is_open:
            self._looks.put_off(HEARTBEAT)
            self._everything_is_due()

    async def _look(self) -> None:
        """Look at those for whom it is due; while no events tell the rest, or the engine is away, soon again at all."""
        if not await self._looks.make() or not self._listener.is_open:
            self._looks.put_off(self._delays.next())

    async def _rest(self, seat: Seat) -> None:
        """Wait for an event, until something else is to be done."""
        event: ContainerEvent | None = None
        lost = False
        with seat.resting(until=self._next_time()):
            event = await self._listener.next()
            lost = event is None
        if event is not None:
            self._hear(event)
        elif lost:
            await self._listener.lose()
            self._everything_is_due()
        elif anyio.current_time() >= self._looks.all_at:
            self._looks.put_off(HEARTBEAT)
            self._looks.add(self._waiters.unjudged())

    def _next_time(self) -> float:
        """Tell when something is due by itself."""
        has_tickets = any(ticket.is_looked_for for ticket in self._waiters.tickets())
        return min(self._looks.all_at if has_tickets else math.inf, self._listener.opens_at)

    def _hear(self, event: ContainerEvent) -> None:
        """Pass an event on to those whom it concerns."""
        self._delays.restart()
        if isinstance(event, EventGap):
            self._everything_is_due()
            return
        concerned = self._waiters.concerned_by(event)
        for ticket in concerned:
            ticket.hear(event, self._listener.clock_lead)
        self._looks.add(ticket for ticket in concerned if ticket.doubtful and ticket.outcome.verdict is None)
        self._waiters.ring(event)

    def _everything_is_due(self) -> None:
        """Have all looked at, since events may have been missed."""
        for ticket in self._waiters.unjudged():
            ticket.forget()
        self._looks.add(self._waiters.unjudged())
        self._waiters.ring_all()
