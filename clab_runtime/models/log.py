"""Lines that a container wrote."""

from datetime import datetime
from enum import StrEnum
from typing import Final

import msgspec

from clab_runtime.models.timestamps import from_rfc3339


class StreamName(StrEnum):
    """Where a container wrote a line."""

    STDIN = "stdin"
    STDOUT = "stdout"
    STDERR = "stderr"


STREAM_NAMES: Final = (StreamName.STDIN, StreamName.STDOUT, StreamName.STDERR)
"""By the number that a frame bears."""


class LogLine(msgspec.Struct, frozen=True, gc=False):
    """A line of a container's output.

    Made a million times: no hook, no garbage collector, and nothing is decoded before it is asked for.
    """

    stream: StreamName
    """Where it was written; all of a terminal's output is stdout."""
    data: bytes
    """The line's exact bytes."""
    timestamp: str | None = None
    """When it was written, RFC 3339 with nanoseconds as the engine gave it; None: not asked for."""

    @property
    def text(self) -> str:
        """The line as text; what is no UTF-8 is replaced."""
        return self.data.decode(errors="replace")

    @property
    def time(self) -> datetime | None:
        """When it was written, to the microsecond."""
        return from_rfc3339(self.timestamp) if self.timestamp else None


class ContainerLogLine(LogLine, frozen=True, gc=False):
    """A line of one of several containers."""

    container: str = ""
    """Whose line it is: the name, or the id, by which the container was asked for."""
