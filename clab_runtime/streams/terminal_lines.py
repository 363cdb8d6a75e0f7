"""A log as lines, out of what a terminal has put out; see LineDecoder."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

from clab_runtime.engine.framing import LineSplitter
from clab_runtime.errors import ContainerRuntimeError
from clab_runtime.models import LogLine, StreamName
from clab_runtime.streams.log_memory import Entry, Overlap
from clab_runtime.streams.log_stamps import PIECE, moment_of, without_further_timestamps


class TerminalLines:
    """Lines of a TTY's output, all of it stdout; they end in a carriage return and a line feed."""

    def __init__(self, *, timestamps: bool, stamped: bool | None = None) -> None:
        """Give the lines their timestamps if `timestamps`; `stamped`, unless it is the same: whether lines have one."""
        self.failure: ContainerRuntimeError | None = None
        self._timestamps = timestamps
        self._stamped = timestamps if stamped is None else stamped
        self._splitter = LineSplitter()
        self._last = b""
        self._overlap: Overlap | None = None
        self._unended = b""

    @property
    def pending(self) -> Sequence[bytes]:
        """The bytes of what has begun and has not ended."""
        return self._splitter.pieces

    @property
    def last(self) -> int:
        """When the last piece was written."""
        return moment_of(self._last)

    def feed(self, data: bytes) -> list[LogLine]:
        """Return the lines that are complete."""
        lines = self._splitter.feed(data)
        if lines:
            self._last = lines[-1]
            if self._overlap is not None or self._unended:
                lines = self._new(lines)
        return list(map(self._line, lines))

    def finish(self) -> list[LogLine]:
        """Return the line that has no ending; should the container be started again, it may yet get one."""
        unended = self._splitter.finish()
        lines = self._new(unended)
        self._unended = unended[0] if unended else b""
        return list(map(self._line, lines))

    def count(self, entries: Iterable[Entry]) -> "Counter[Hashable]":
        """Count the lines."""
        pieces = [piece for index, (before, data) in enumerate(entries) for piece in (*(() if index else before), data)]
        return Counter(b"".join(pieces).split(b"\n")[:-1])

    def resume(self, overlap: Overlap | None) -> None:
        """Forget half a line; it comes whole."""
        self.failure = None
        self._splitter = LineSplitter()
        self._overlap = overlap

    def _new(self, lines: list[bytes]) -> list[bytes]:
        """Leave out the lines that have come before the cut, and the beginning of the one that had no ending yet."""
        new: list[bytes] = []
        for line in lines:
            if self._unended and line.startswith(self._unended):
                rest, self._unended = line[len(self._unended) :], b""
                new += [rest] if rest else []
            elif self._overlap is None or self._overlap.is_new(line, moment_of(line)):
                new.append(line)
        if self._overlap is not None and self._overlap.is_past:
            self._overlap = None
        return new

    def _line(self, data: bytes) -> LogLine:
        """Take off the carriage return and the timestamps."""
        data = data.removesuffix(b"\r")
        if not self._stamped:
            return LogLine(StreamName.STDOUT, data)
        stamp, _, text = data.partition(b" ")
        if len(text) > PIECE or b"Z " in text:
            text = without_further_timestamps(text, stamp)
        timestamp = stamp.decode("ascii", errors="replace") if self._timestamps else None
        return LogLine(StreamName.STDOUT, text, timestamp)
