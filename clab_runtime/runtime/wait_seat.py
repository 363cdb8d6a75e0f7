"""The places in the waiting room: a call's seat, which holds its tickets, and a bell, rung for one container."""

from collections.abc import Generator
from contextlib import contextmanager

import anyio

from clab_runtime.models import ContainerEvent, WaitCondition
from clab_runtime.runtime.wait_ticket import Ticket


class Seat:
    """A place in the waiting room: a call's tickets; it is woken for every verdict."""

    def __init__(self) -> None:
        """Wait for nothing yet."""
        self.tickets: list[Ticket] = []
        self.judged: list[Ticket] = []
        """Those whose verdicts the call has not dealt with yet."""
        self._woken = anyio.Event()
        self._resting: anyio.CancelScope | None = None

    def add(self, container: str, condition: WaitCondition, since: int) -> Ticket:
        """Wait for one more container."""
        ticket = Ticket(container, condition, since, self._told)
        self.tickets.append(ticket)
        return ticket

    def looked_for(self) -> list[Ticket]:
        """Return those that are to be looked at."""
        return [ticket for ticket in self.tickets if ticket.is_looked_for]

    def _told(self, ticket: Ticket) -> None:
        self.judged.append(ticket)
        self.wake()

    def wake(self) -> None:
        """Let the call look whether there is something to be done."""
        self._woken.set()
        if self._resting is not None:
            self._resting.cancel()

    async def woken(self) -> None:
        """Wait until the call is woken."""
        await self._woken.wait()
        self._woken = anyio.Event()

    @contextmanager
    def resting(self, until: float) -> Generator[None]:
        """Wait for something on behalf of all, until a moment, or until the call is woken."""
        try:
            with anyio.CancelScope(deadline=until) as self._resting:
                yield
        finally:
            self._resting = None


class Bell:
    """What is rung for whatever happens to one container, by a name that it may not have yet, and for gaps."""

    def __init__(self, container: str) -> None:
        """Ring for a container's name or id."""
        self.seat = Seat()
        self._container = container
        self._rung = False

    def is_of(self, event: ContainerEvent) -> bool:
        """Tell whether an event is about the container."""
        return event.actor_name == self._container or event.actor_full_id.startswith(self._container)

    def ring(self) -> None:
        """Let whoever waits look."""
        self._rung = True
        self.seat.wake()

    def is_over(self) -> bool:
        """Tell whether it has been rung."""
        return self._rung

    def reset(self) -> None:
        """Wait for the next one."""
        self._rung = False
