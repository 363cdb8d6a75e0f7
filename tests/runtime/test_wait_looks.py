"""Looks at containers that are waited for, while which others come and go."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

import pytest

from clab_runtime import ContainerEvent, ContainerStatus, EngineConnectionError, WaitFor
from clab_runtime.runtime.glances import Glance
from clab_runtime.runtime.wait_looks import Looks
from clab_runtime.runtime.wait_outcome import Verdict
from clab_runtime.runtime.wait_seat import Seat
from clab_runtime.runtime.wait_ticket import Ticket
from clab_runtime.runtime.waiters import Waiters

pytestmark = pytest.mark.anyio


async def no_survey() -> Sequence[Glance]:
    raise AssertionError


async def created(container: str) -> Glance:
    """See a container that has not run yet."""
    return Glance(f"id of {container}", [container], ContainerStatus.CREATED, exact=True)


async def away(container: str) -> Glance:
    """Look in vain."""
    raise EngineConnectionError(container, "it is away", "wait for it")


class Queue:
    """Those who wait, and the looks at what they wait for; something is done in the middle of each."""

    def __init__(self, look: Callable[[str], Awaitable[Glance]]) -> None:
        self.meanwhile: Callable[[], None]
        self.waiters = Waiters()
        self._look = look
        self.looks = Looks(no_survey, self.look_at, self.waiters)

    async def look_at(self, container: str) -> Glance:
        self.meanwhile()
        return await self._look(container)

    def come(self, container: str) -> tuple[Seat, Ticket]:
        """Wait for a container to run."""
        seat = Seat()
        ticket = seat.add(container, WaitFor.RUNNING, 0)
        self.waiters.add(seat)
        self.looks.add(seat.looked_for())
        return seat, ticket

    def leave(self, seat: Seat) -> None:
        """Wait no more."""
        self.waiters.remove(seat)
        self.looks.drop(seat.tickets)

    def concerned_by(self, container: str) -> Sequence[Ticket]:
        """Tell who hears an event of a container."""
        event = ContainerEvent(timestamp=datetime.now(UTC), action="start", actor_full_id=f"id of {container}")
        return list(self.waiters.concerned_by(event))


async def test_who_has_been_looked_at_hears_of_the_container() -> None:
    queue = Queue(created)
    queue.meanwhile = lambda: None
    _, ticket = queue.come("r1")
    await queue.looks.make()
    assert queue.concerned_by("r1") == [ticket]
    assert not queue.looks.are_due


async def test_who_leaves_during_a_look_is_not_remembered() -> None:
    queue = Queue(created)
    seat, _ = queue.come("r1")
    queue.meanwhile = lambda: queue.leave(seat)
    await queue.looks.make()
    assert queue.concerned_by("r1") == []


async def test_who_comes_while_a_look_fails_is_looked_at_next() -> None:
    queue = Queue(away)
    came: list[Ticket] = []
    queue.meanwhile = lambda: came.append(queue.come("r2")[1])
    _, first = queue.come("r1")
    await queue.looks.make()
    assert [ticket.outcome.verdict for ticket in (first, *came)] == [Verdict.FAILED, None]
    queue.meanwhile = lambda: None
    await queue.looks.make()
    assert [ticket.outcome.verdict for ticket in came] == [Verdict.FAILED]
    assert not queue.looks.are_due
