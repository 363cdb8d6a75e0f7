"""One call that waits for containers, and what it makes of the verdicts that the waiting room finds.

What no event tells is found out by helpers, which work beside it: they read a log, run the checks that nobody else
runs, or let the engine tell an end where it keeps no events.
"""

import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial

import anyio
import msgspec

from clab_runtime.backoff import growing_delays
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import ContainerRuntimeError, EngineConnectionError, EngineProtocolError, NotFoundError
from clab_runtime.models import LogMatch, WaitCondition, WaitFor
from clab_runtime.runtime.certificates import certificate
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.glances import exact_glance
from clab_runtime.runtime.log_search import LogSearch, ReadLog
from clab_runtime.runtime.wait_outcome import Outcome, Verdict
from clab_runtime.runtime.wait_seat import Seat
from clab_runtime.runtime.wait_ticket import Ticket
from clab_runtime.runtime.waiting_room import WaitingRoom

_PASSING = (NotFoundError, EngineConnectionError, EngineProtocolError, TimeoutError)
"""What may be over by the next look, or else is what the look shows."""


class Surroundings(msgspec.Struct, frozen=True):
    """What a call waits with."""

    engine: EngineClient
    dialect: Dialect
    room: WaitingRoom
    read_log: ReadLog


class WaitCall:
    """One call."""

    def __init__(
        self, around: Surroundings, containers: Sequence[str], condition: WaitCondition, *, every: bool
    ) -> None:
        """Wait for every container, or for the first one, to come to a condition."""
        self._around = around
        self._condition = condition
        self._every = every
        self._seat = Seat()
        self._searches: dict[Ticket, LogSearch] = {}
        for container in containers:
            self._seat.add(container, condition, time.time_ns())

    @property
    def tickets(self) -> Sequence[Ticket]:
        """The containers, as they were given."""
        return self._seat.tickets

    @property
    def outcomes(self) -> Sequence[Outcome]:
        """What has come of it for each."""
        return [ticket.outcome for ticket in self.tickets]

    @property
    def is_settled(self) -> bool:
        """Whether more waiting changes nothing."""
        met = (outcome.verdict is Verdict.MET for outcome in self.outcomes)
        failed = (outcome.error is not None for outcome in self.outcomes)
        return any(failed) or all(met) if self._every else any(met) or all(failed)

    async def run(self, seconds: float) -> None:
        """Wait until it is settled, or for so many seconds."""
        room = self._around.room
        errors: list[Exception] = []
        room.enter(self._seat)
        try:
            async with anyio.create_task_group() as tasks:
                for helper in self._helpers():
                    tasks.start_soon(helper)
                try:
                    await self._settle(anyio.current_time() + seconds)
                except Exception as exc:  # noqa: BLE001 - raised below, outside of the task group
                    errors.append(exc)
                tasks.cancel_scope.cancel()
        finally:
            await room.leave(self._seat)
        if errors:
            raise errors[0]

    async def _settle(self, end: float) -> None:
        """Deal with the verdicts as they come."""
        seat = self._seat
        while not self.is_settled:
            with anyio.CancelScope(deadline=end):
                await self._around.room.attend(seat, lambda: seat.judged)
            if not seat.judged:
                return
            while seat.judged and not self.is_settled:
                await self._conclude(seat.judged.pop(0))

    async def _conclude(self, ticket: Ticket) -> None:
        """Make the error of a verdict that rules out what was waited for, unless the line was written before."""
        if ticket in self._searches and ticket.outcome.is_open:
            await self._searches[ticket].finish()
        if ticket.outcome.is_open:
            ticket.outcome.explain(await certificate(self._around.engine, ticket))

    # ------------------------------------------------------------ helpers

    def _helpers(self) -> list[Callable[[], Coroutine[None, None, None]]]:
        """Tell what is to be done beside listening."""
        if isinstance(match := self._condition, LogMatch):
            read, doubt = self._around.read_log, self._around.room.doubt
            self._searches = {ticket: LogSearch(ticket, match, read, doubt) for ticket in self.tickets}
            return [search.follow for search in self._searches.values()]
        if match is WaitFor.HEALTHY and self._around.dialect.leaves_checks_alone:
            return [partial(self._keep_checked, ticket) for ticket in self.tickets]
        if match is WaitFor.EXITED:
            return [self._ask_for_ends]
        return []

    async def _keep_checked(self, ticket: Ticket) -> None:
        """Have the checks run that nobody else runs, until there is a verdict."""

        def tell(inspect: schema.ContainerInspect) -> None:
            if inspect.state.running:
                ticket.see(exact_glance(inspect))
            else:  # whether it has ended for good takes another look
                self._around.room.doubt(ticket)

        dialect, engine = self._around.dialect, self._around.engine
        for delay in growing_delays():
            await ticket.running()
            with ticket.outcome.helped():
                try:
                    await dialect.keep_checked(engine, ticket.id, tell)
                except _PASSING:
                    self._around.room.doubt(ticket)
                except ContainerRuntimeError as exc:
                    ticket.outcome.fail(exc)
            if ticket.outcome.verdict is not None:
                return
            await anyio.sleep(delay)

    async def _ask_for_ends(self) -> None:
        """Let the engine itself tell the ends where nothing is to be heard: some leave nothing to be looked at."""
        await self._around.room.deafened()
        await run_all(partial(self._ask_for_end, ticket) for ticket in self.tickets)

    async def _ask_for_end(self, ticket: Ticket) -> None:
        for delay in growing_delays():
            await ticket.running()  # of one that has never run, engines tell an end, too
            ticket.is_told = True
            try:
                ticket.outcome.met(exit_code=await self._around.dialect.wait(self._around.engine, ticket.id))
            except (ContainerRuntimeError, TimeoutError):
                ticket.is_told = False
                self._around.room.doubt(ticket)
            if ticket.outcome.verdict is not None:
                return
            await anyio.sleep(delay)


def too_late(call: WaitCall, condition: WaitCondition, seconds: float) -> str:
    """Say which containers are still waited for."""
    left = ", ".join(str(ticket) for ticket in call.tickets if ticket.outcome.verdict is not Verdict.MET)
    return f"{condition} was not there after {seconds:g} s; still waited for, as seen last: {left}"
