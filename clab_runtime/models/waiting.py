"""What containers are waited for, and what has come of it."""

import re
from enum import StrEnum
from typing import TypeAlias

from clab_runtime.errors import InvalidValueError
from clab_runtime.models.base import Model
from clab_runtime.models.given import check_text
from clab_runtime.models.log import LogLine


class WaitFor(StrEnum):
    """States that can be waited for."""

    RUNNING = "running"
    """It has been started, and runs, or has run since the wait began."""
    HEALTHY = "healthy"
    """Its health check says healthy."""
    EXITED = "exited"
    """It has ended; one that its restart policy starts again has ended, too."""
    REMOVED = "removed"
    """The engine has it no more."""


class LogMatch(Model, frozen=True):
    """A line in a container's log, of all that it has ever written."""

    pattern: str | re.Pattern[str]
    """What is searched for in each line: a string is found as it is, a compiled pattern by `search`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        pattern: object = self.pattern
        if isinstance(pattern, re.Pattern):
            pattern = pattern.pattern
        if isinstance(pattern, bytes) or not pattern:
            raise InvalidValueError("pattern", pattern, "give text to look for, or a pattern compiled from text")
        check_text("pattern", pattern)

    def matches(self, line: LogLine) -> bool:
        """Tell whether a line, as text in which what is no UTF-8 is replaced, has it."""
        text = line.text
        return self.pattern in text if isinstance(self.pattern, str) else bool(self.pattern.search(text))

    def __str__(self) -> str:
        pattern = self.pattern if isinstance(self.pattern, str) else self.pattern.pattern
        return f"a line with {pattern!r}"


WaitCondition: TypeAlias = WaitFor | LogMatch
"""What can be waited for."""


class WaitResult(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A container that has come to what was waited for."""

    container: str
    """The name or the id that was given."""
    exit_code: int | None = None
    """How it ended: of EXITED always, of REMOVED where the end was seen."""
    line: LogLine | None = None
    """The line that matched, of LogMatch."""
