"""A log as lines, out of the frames in which the engine sends it; see LineDecoder."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from typing import Final

from clab_runtime.engine.framing import (
    FRAME_HEADER,
    MAX_ITEM,
    SYSTEM_ERROR,
    FrameDecoder,
    LineSplitter,
    not_a_frame,
    system_error,
    truncated_frame,
)
from clab_runtime.errors import ContainerRuntimeError, EngineProtocolError
from clab_runtime.models import LogLine
from clab_runtime.models.log import STREAM_NAMES
from clab_runtime.streams.log_memory import Entry, Overlap
from clab_runtime.streams.log_stamps import STAMP_SIZE, moment_of

MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"
"""The Content-Type of a log in frames."""


class MultiplexedLines:
    """Lines out of frames; the engine writes a frame per line, several for one that is long."""

    def __init__(self, *, timestamps: bool, stamped: bool | None = None, tty: bool = False) -> None:
        """Give the lines their timestamps if `timestamps`; `stamped`, unless it is the same: whether frames have one.

        With a TTY lines end in a carriage return and a line feed.
        """
        self.failure: ContainerRuntimeError | None = None
        self._timestamps = timestamps
        self._stamped = timestamps if stamped is None else stamped
        self._tty = tty
        self._pending = b""
        self._last = b""
        self._overlap: Overlap | None = None
        self._splitters = [LineSplitter() for _ in STREAM_NAMES]
        self._begun: set[int] = set()
        self._times: dict[int, str | None] = {}

    @property
    def pending(self) -> Sequence[bytes]:
        """The bytes of what has begun and has not ended."""
        return (self._pending,)

    @property
    def last(self) -> int:
        """When the last piece was written."""
        return moment_of(self._last)

    def feed(self, data: bytes) -> list[LogLine]:
        """Return the lines that are complete; nearly all are a frame each, which is why this loop is spelled out."""
        buffer = self._pending + data if self._pending else data
        lines: list[LogLine] = []
        give, find, unpack, names = lines.append, buffer.find, FRAME_HEADER.unpack_from, STREAM_NAMES
        stamped, timestamps, tty = self._stamped, self._timestamps, self._tty
        careful, timestamp, begin, text, end = self._is_careful, None, 0, 0, len(buffer)
        last = -1
        stream: int
        while (start := begin + 8) <= end:
            stream, size = unpack(buffer, begin)
            if (stop := start + size) > end or stream >= SYSTEM_ERROR:
                self.failure = _failure(stream, size, buffer[begin:stop], is_whole=stop <= end)
                break
            text = find(b" ", start) + 1 if stamped else start
            if careful or not start <= text < stop or find(b"\n", text) != stop - 1:
                self._feed_slowly(stream, buffer[start:stop], give)
                careful = self._is_careful
            else:
                if timestamps:
                    timestamp = buffer[start : text - 1].decode("ascii", errors="replace")
                line = buffer[text : stop - 1]
                give(LogLine(names[stream], line.removesuffix(b"\r") if tty else line, timestamp))
            last, begin = start, stop
        self._pending = buffer[begin:]
        if last >= 0:
            self._last = buffer[last : last + STAMP_SIZE]
        return lines

    def finish(self) -> list[LogLine]:
        """Return the lines that have no ending; raise when a frame has begun and not ended."""
        if self._pending:
            raise truncated_frame(self._pending)
        lines = [
            LogLine(STREAM_NAMES[stream], line, self._times[stream])
            for stream in sorted(self._begun)
            for line in self._splitters[stream].finish()
        ]
        self._begun.clear()
        return lines

    def count(self, entries: Iterable[Entry]) -> "Counter[Hashable]":
        """Count the frames, up to what is none."""
        frames = FrameDecoder()
        counted: Counter[Hashable] = Counter()
        with suppress(EngineProtocolError):
            for index, (before, data) in enumerate(entries):
                if index == 0:  # the others' are the end of what is before them
                    counted.update(frames.feed(b"".join(before)))
                counted.update(frames.feed(data))
        return counted

    def resume(self, overlap: Overlap | None) -> None:
        """Forget half a frame; the frames of a line that has begun are known, and the others follow them."""
        self.failure = None
        self._pending = b""
        self._overlap = overlap

    @property
    def _is_careful(self) -> bool:
        """Whether each frame is to be looked at: there may be known ones, or the rest of a line."""
        return self._overlap is not None or bool(self._begun)

    def _feed_slowly(self, stream: int, payload: bytes, give: Callable[[LogLine], None]) -> None:
        """Join a line of several frames under the first one's timestamp; cut a frame of several lines."""
        if self._overlap is not None and not self._is_new(stream, payload):
            return
        timestamp, text = None, payload
        if self._stamped:
            stamp, _, text = payload.partition(b" ")
            timestamp = stamp.decode("ascii", errors="replace") if self._timestamps else None
        if stream not in self._begun:
            self._times[stream] = timestamp
        splitter = self._splitters[stream]
        for line in splitter.feed(text):
            give(LogLine(STREAM_NAMES[stream], line.removesuffix(b"\r") if self._tty else line, self._times[stream]))
            self._times[stream] = timestamp
        (self._begun.add if splitter.pending else self._begun.discard)(stream)

    def _is_new(self, stream: int, payload: bytes) -> bool:
        """Tell whether a frame has not come before the cut; behind what has, nothing is looked at any more."""
        assert self._overlap is not None  # noqa: S101 - the caller has looked
        new = self._overlap.is_new((stream, payload), moment_of(payload))
        if self._overlap.is_past:
            self._overlap = None
        return new


def _failure(stream: int, size: int, frame: bytes, *, is_whole: bool) -> ContainerRuntimeError | None:
    """Make the error for what is no frame, or one with the engine's own words; None: it is only not there yet."""
    if stream > SYSTEM_ERROR or size > MAX_ITEM:
        return not_a_frame(frame[:8])
    if stream == SYSTEM_ERROR and is_whole:
        return system_error(frame[8:])
    return None
