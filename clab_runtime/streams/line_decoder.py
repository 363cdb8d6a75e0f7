"""What turns the bytes of a container's log into lines; there is one for frames, and one for a terminal's output.

The engine stamps each piece of a log with the time at which it was written. A decoder takes the stamps off, and keeps
them in the lines if they are wanted. After a cut it goes on with what the engine sends once more: see `resume`.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import Protocol

from clab_runtime.errors import ContainerRuntimeError
from clab_runtime.models import LogLine
from clab_runtime.streams.log_memory import Entry, Overlap


class LineDecoder(Protocol):
    """What turns the bytes of a log into lines."""

    failure: ContainerRuntimeError | None
    """What is wrong behind the lines that `feed` has returned last."""

    @property
    def pending(self) -> Sequence[bytes]:
        """The bytes that belong to what has begun and has not ended."""
        ...

    @property
    def last(self) -> int:
        """When the last piece that was fed was written, in nanoseconds since the epoch; 0: not known."""
        ...

    def feed(self, data: bytes) -> list[LogLine]:
        """Return the lines that are complete."""
        ...

    def finish(self) -> list[LogLine]:
        """Return what is left at the end; raise EngineProtocolError when that is no whole piece."""
        ...

    def count(self, entries: Iterable[Entry]) -> "Counter[Hashable]":
        """Count the pieces in what was fed, each with its stamp."""
        ...

    def resume(self, overlap: Overlap | None) -> None:
        """Be ready for another answer, in which the pieces that are known from before are left out."""
        ...
