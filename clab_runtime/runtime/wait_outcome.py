"""What has come of a wait for one container: a verdict, and the result or the error that the call makes of it."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from enum import Enum, auto

import anyio

from clab_runtime.models import LogLine, WaitResult


class Verdict(Enum):
    """What has come of a wait for one container."""

    MET = auto()
    ENDED = auto()
    UNHEALTHY = auto()
    GONE = auto()
    FAILED = auto()


class Outcome:
    """What is to be had of a wait: first nothing, then a verdict, which only what was waited for takes the place of."""

    def __init__(self, container: str, tell: Callable[[], None]) -> None:
        """Begin without a verdict; `tell` is called when there is one."""
        self.verdict: Verdict | None = None
        self.error: Exception | None = None
        self.result = WaitResult(container=container)
        self._container = container
        self._tell = tell
        self._helping: anyio.CancelScope | None = None

    @property
    def is_open(self) -> bool:
        """Whether neither the condition is met nor there is an error."""
        return self.verdict is not Verdict.MET and self.error is None

    def met(self, *, exit_code: int | None = None, line: LogLine | None = None) -> None:
        """Note that what was waited for is there; a line may be found behind the end."""
        self.result = WaitResult(container=self._container, exit_code=exit_code, line=line)
        if self.verdict is not Verdict.MET:
            self._judge(Verdict.MET)

    def rule_out(self, verdict: Verdict) -> None:
        """Note that what was waited for can't come any more."""
        if self.verdict is None:
            self._judge(verdict)

    def fail(self, error: Exception) -> None:
        """Note that the wait can't go on."""
        if self.verdict is None:
            self.error = error
            self._judge(Verdict.FAILED)

    def explain(self, error: Exception) -> None:
        """Take the error that a verdict calls for."""
        self.error = error

    @contextmanager
    def helped(self) -> Generator[None]:
        """Work towards a verdict, in vain once there is one."""
        with anyio.CancelScope() as self._helping:
            yield

    def _judge(self, verdict: Verdict) -> None:
        self.verdict = verdict
        if self._helping is not None:
            self._helping.cancel()
        self._tell()
