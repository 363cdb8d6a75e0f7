"""Who is in the waiting room: the seats and their tickets, and the bells; and whom of them an event concerns."""

from collections.abc import Collection, Iterator

from clab_runtime.models import ContainerEvent
from clab_runtime.runtime.wait_seat import Bell, Seat
from clab_runtime.runtime.wait_ticket import Ticket


class Waiters:
    """All who wait for containers of one engine."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._seats: dict[Seat, None] = {}
        self._bells: dict[Bell, None] = {}
        self._of_id: dict[str, dict[Ticket, None]] = {}
        """The tickets of containers that have been seen, so that an event costs little however many there are."""

    @property
    def are_gone(self) -> bool:
        """Whether nobody is left."""
        return not self._seats and not self._bells

    @property
    def have_bells(self) -> bool:
        """Whether somebody waits for whatever happens."""
        return bool(self._bells)

    def add(self, seat: Seat) -> None:
        """Let a call in."""
        self._seats[seat] = None

    def remove(self, seat: Seat) -> None:
        """Let a call out."""
        self._seats.pop(seat, None)
        for ticket in seat.tickets:
            self._forget(ticket)

    def add_bell(self, bell: Bell) -> None:
        """Hang up a bell."""
        self._bells[bell] = None

    def remove_bell(self, bell: Bell) -> None:
        """Take a bell down."""
        self._bells.pop(bell, None)

    def tickets(self) -> Iterator[Ticket]:
        """Yield what all calls wait for."""
        for seat in self._seats:
            yield from seat.tickets

    def unjudged(self) -> Iterator[Ticket]:
        """Yield those that are to be looked at."""
        return (ticket for ticket in self.tickets() if ticket.is_looked_for)

    def identify(self, ticket: Ticket) -> None:
        """Let a ticket hear of its container from now on, whose id has been seen."""
        self._of_id.setdefault(ticket.id, {})[ticket] = None

    def concerned_by(self, event: ContainerEvent) -> Collection[Ticket]:
        """Return the tickets of the container that an event is about."""
        return self._of_id.get(event.actor_full_id, {})

    def ring(self, event: ContainerEvent) -> None:
        """Ring the bells of the container that an event is about."""
        for bell in self._bells:
            if bell.is_of(event):
                bell.ring()

    def ring_all(self) -> None:
        """Ring all bells, since what should have rung them may have been missed."""
        for bell in self._bells:
            bell.ring()

    def _forget(self, ticket: Ticket) -> None:
        of_id = self._of_id.get(ticket.id)
        if of_id is not None:
            of_id.pop(ticket, None)
            if not of_id:
                del self._of_id[ticket.id]
