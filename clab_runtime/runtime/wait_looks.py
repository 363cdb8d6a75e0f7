"""The looks at containers that are waited for: for whom one is due, how it is made, and when it is given up.

A few are looked at by an inspect each, more by one list of all; what a list leaves open, by an inspect again.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import anyio

from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import ContainerRuntimeError, EngineError, NotFoundError
from clab_runtime.runtime.glances import Glance, Survey
from clab_runtime.runtime.wait_ticket import Ticket
from clab_runtime.runtime.waiters import Waiters
from clab_runtime.streams.patience import CUTS

FEW = 4
"""Containers that are looked at one by one rather than by a list of all."""

GIVE_UP_AFTER = 60.0
"""Seconds for which an engine may be away before those who wait are told so; counted from a look that fails, which is
made a heartbeat after the last one at the latest."""


class Looks:
    """The looks at one engine's containers."""

    def __init__(
        self,
        survey: Callable[[], Awaitable[Sequence[Glance]]],
        look: Callable[[str], Awaitable[Glance]],
        waiters: Waiters,
    ) -> None:
        """List all, and look at one; `waiters` are told whose containers have been found."""
        self.all_at = 0.0
        """When all are to be looked at, whether or not anything has happened."""
        self._survey = survey
        self._look_at = look
        self._waiters = waiters
        self._due: dict[Ticket, None] = {}
        self._away_since: float | None = None

    @property
    def are_due(self) -> bool:
        """Whether there is somebody to be looked at."""
        return bool(self._due)

    def add(self, tickets: Iterable[Ticket]) -> None:
        """Have these looked at."""
        self._due.update(dict.fromkeys(tickets))

    def drop(self, tickets: Iterable[Ticket]) -> None:
        """Have these looked at no more."""
        for ticket in tickets:
            self._due.pop(ticket, None)

    def put_off(self, seconds: float) -> None:
        """Have all looked at after so many seconds."""
        self.all_at = anyio.current_time() + seconds

    async def make(self) -> bool:
        """Look at those for whom it is due; tell whether the engine was there."""
        due = [ticket for ticket in self._due if ticket.is_looked_for]
        try:
            await self._look_at_these(due)
        except (*CUTS, EngineError) as exc:  # a list that fails: what one inspect makes of it is that container's
            self._is_away(due, exc)
            return False
        except ContainerRuntimeError as exc:
            _fail(due, exc)
        else:
            self._away_since = None
        finally:
            self._due = {ticket: None for ticket in self._due if ticket.is_looked_for}
        return True

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
            _fail(tickets, exc)
        else:
            self._see(tickets, glance)

    def _see(self, tickets: Iterable[Ticket], glance: Glance | None) -> None:
        """Take what was seen; what a list lacks is looked for exactly."""
        for ticket in tickets:
            if glance is None:
                ticket.doubt()
            elif ticket in self._due:  # otherwise its call has left meanwhile
                ticket.see(glance)
                self._waiters.identify(ticket)
                if not ticket.doubtful:
                    del self._due[ticket]

    def _is_away(self, due: Sequence[Ticket], error: Exception) -> None:
        """Tell those who have seen nothing yet that the engine is away; the others when that lasts too long."""
        now = anyio.current_time()
        if self._away_since is None:
            self._away_since = now
        lasts = now - self._away_since >= GIVE_UP_AFTER
        _fail([ticket for ticket in due if lasts or not ticket.id], error)
        self.drop(due)


def _fail(tickets: Iterable[Ticket], error: Exception) -> None:
    for ticket in tickets:
        ticket.outcome.fail(error)


def _grouped(tickets: Iterable[Ticket], *, doubtful: bool | None = None) -> dict[str, list[Ticket]]:
    """Put those together that wait for one container."""
    found: dict[str, list[Ticket]] = {}
    for ticket in tickets:
        if doubtful is None or ticket.doubtful is doubtful:
            found.setdefault(ticket.id or ticket.container, []).append(ticket)
    return found
