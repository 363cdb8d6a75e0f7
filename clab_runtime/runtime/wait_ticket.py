"""What one wait knows of one container, and what events and looks make of that. No I/O."""

from collections.abc import Callable
from functools import partial

import anyio

from clab_runtime.errors import EngineProtocolError, InvalidValueError, NotFoundError
from clab_runtime.models import ContainerEvent, ContainerStatus, EventAction, LogMatch, WaitCondition, WaitFor
from clab_runtime.models.container import WITH_PROCESS
from clab_runtime.runtime.glances import Glance
from clab_runtime.runtime.health import HEALTHY, NO_CHECK, UNHEALTHY
from clab_runtime.runtime.wait_outcome import Outcome, Verdict

_ENDED = (ContainerStatus.STOPPED, ContainerStatus.REMOVING)
_STARTS = (EventAction.START, EventAction.UNPAUSE)
_TIDIED = "cleanup"
"""Podman's word for the end that no start follows."""
_ENDS = (EventAction.DIE, _TIDIED)


class Ticket:
    """One container that somebody waits for."""

    def __init__(self, container: str, condition: WaitCondition, since: int, tell: Callable[["Ticket"], None]) -> None:
        """Wait from a moment on, in nanoseconds since the epoch; `tell` is called when there is a verdict."""
        self.container = container
        self.condition = condition
        self.id = ""
        """Its whole id; empty until it has been seen."""
        self.outcome = Outcome(container, partial(tell, self))
        self.exit_code: int | None = None
        """How it ended, if an event has told so and it was not started since."""
        self.doubtful = False
        """Whether only an exact look can tell how it does."""
        self.is_told = False
        """Whether the engine itself tells the end, without any look."""
        self._since = since
        self._status: ContainerStatus | None = None
        self._health = ""
        self._up = anyio.Event()
        """Set once it is known to run."""
        self._is_sure = False
        """Whether it was looked at exactly since events tell of it."""

    def __str__(self) -> str:
        if self._status is None:
            return f"{self.container!r} (not known)"
        return f"{self.container!r} ({self._status}{', ' if self._health else ''}{self._health})"

    @property
    def is_looked_for(self) -> bool:
        """Whether looks may bring about a verdict."""
        return self.outcome.verdict is None and not self.is_told

    async def running(self) -> None:
        """Wait until it is known to run, or to have run."""
        await self._up.wait()

    async def next_run(self) -> None:
        """Wait until it is known to run, or to have run since this was waited for last."""
        await self._up.wait()
        self._up = anyio.Event()

    # ------------------------------------------------------------ looks

    def doubt(self) -> None:
        """Have it looked at exactly."""
        self.doubtful = True

    def see(self, glance: Glance) -> None:
        """Take what a look has shown."""
        self.id, self._status, self._health = glance.id, glance.status, glance.health
        self.doubtful, self._is_sure = False, self._is_sure or glance.exact
        if self.outcome.verdict is None:
            if glance.status in WITH_PROCESS:
                self._is_up()
            self._weigh(glance)

    def forget(self) -> None:
        """Be sure of nothing any more: events may have been missed."""
        self._is_sure = False

    def missing(self, error: NotFoundError) -> None:
        """Note that the engine does not have it."""
        if self.id or self.condition is WaitFor.REMOVED:
            self._gone()
        else:
            self.outcome.fail(error)

    def _gone(self) -> None:
        """Note that it has been removed, which for one whose end was seen is no news."""
        if self.condition is WaitFor.REMOVED:
            self.outcome.met(exit_code=self.exit_code)
        else:
            self.outcome.rule_out(Verdict.GONE if self.exit_code is None else Verdict.ENDED)

    def _weigh(self, glance: Glance) -> None:
        """Hold what was seen against what is waited for.

        Docker's list shows one that has just ended as if it ran, and lists tell no exit codes.
        """
        if self.condition is WaitFor.EXITED:
            self._weigh_end(glance)
        elif self.condition is WaitFor.HEALTHY and not glance.health and not glance.exact:
            self.doubtful = True
        elif self.condition is WaitFor.HEALTHY and glance.exact and not glance.checked:
            self.outcome.fail(InvalidValueError("container", self.container, NO_CHECK))
        elif glance.status in _ENDED and self.condition is not WaitFor.REMOVED:
            self._ended(glance)
        elif self.condition is WaitFor.RUNNING:
            self._weigh_start(glance)
        elif glance.status in WITH_PROCESS:
            self._weigh_health(glance.health)

    def _weigh_start(self, glance: Glance) -> None:
        if glance.status is ContainerStatus.RUNNING:
            if glance.exact:
                self.outcome.met()
            else:
                self.doubtful = True

    def _weigh_end(self, glance: Glance) -> None:
        """Take the exit code of one that has ended; what was made ready anew since it ran does not tell it."""
        if not glance.exact:
            self.doubtful = not self._is_sure or glance.status in _ENDED
        elif glance.has_run and glance.status in _ENDED:
            self.outcome.met(exit_code=glance.exit_code)
        elif glance.has_run and glance.status is ContainerStatus.CREATED:
            words = f"the engine can't tell how container {self.container!r} ended; it is now: {glance.status}"
            self.outcome.fail(EngineProtocolError(words))

    def _ended(self, glance: Glance) -> None:
        if not glance.exact:
            self.doubtful = True
            return
        if glance.has_run:
            self.exit_code = glance.exit_code
        self.outcome.rule_out(Verdict.ENDED if glance.has_run else Verdict.GONE)

    def _weigh_health(self, health: str) -> None:
        if health == HEALTHY and self.condition is WaitFor.HEALTHY:
            self.outcome.met()
        elif health == UNHEALTHY and self._suffers():
            self.outcome.rule_out(Verdict.UNHEALTHY)

    def _suffers(self) -> bool:
        """Tell whether bad health ends the wait: ends and removals come all the same."""
        return self.condition is WaitFor.HEALTHY or isinstance(self.condition, LogMatch)

    def _is_up(self) -> None:
        self.exit_code = None
        self._up.set()

    # ------------------------------------------------------------ events

    def hear(self, event: ContainerEvent, lead: int) -> None:
        """Take an event; `lead` is by how many nanoseconds, at most, the engine's clock is ahead of ours.

        One from before the wait began tells nothing new to who has looked exactly since, and calls for that if not.
        """
        if self.outcome.verdict is not None:
            return
        if event.time_nano >= self._since + lead:
            self._take(event)
        elif not self._is_sure and event.action in (*_STARTS, *_ENDS, EventAction.HEALTHY, EventAction.UNHEALTHY):
            self.doubtful = True

    def _take(self, event: ContainerEvent) -> None:
        action = event.action
        if action in _STARTS:
            self._status = ContainerStatus.RUNNING
            self._is_up()
            if self.condition is WaitFor.RUNNING:
                self.outcome.met()
        elif action in _ENDS:
            self._take_end(event)
        elif action == EventAction.DESTROY:
            self._gone()
        elif action in (EventAction.HEALTHY, EventAction.UNHEALTHY):
            self._health = HEALTHY if action == EventAction.HEALTHY else UNHEALTHY
            self._weigh_health(self._health)

    def _take_end(self, event: ContainerEvent) -> None:
        """Take an end, whose event has the code; whether a start follows is to be looked at."""
        code = event.attributes.get("exitCode", "")
        if event.action == EventAction.DIE and code.lstrip("-").isdecimal():
            self.exit_code = int(code)
        if self.condition is WaitFor.EXITED and self.exit_code is not None and self.exit_code >= 0:
            self.outcome.met(exit_code=self.exit_code)
        elif self.condition is not WaitFor.REMOVED:
            self.doubtful = True
