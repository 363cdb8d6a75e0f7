"""A container's log as lines: out of the frames of a container without a TTY, or the raw output of one with a TTY.

The engine stamps each piece of a log with the time at which it was written. A decoder takes the stamps off, and keeps
them in the lines if they are wanted. After a cut it goes on with what the engine sends once more: see `resume`.
"""

import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from contextlib import suppress
from struct import Struct
from typing import Final, Protocol

from clab_runtime.engine.framing import MAX_ITEM, SYSTEM_ERROR, FrameDecoder, LineSplitter
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import ContainerRuntimeError, EngineProtocolError, EngineStreamError
from clab_runtime.models import LogLine, StreamName
from clab_runtime.models.timestamps import from_nanoseconds, to_nanoseconds
from clab_runtime.streams.log_memory import Entry, Overlap

_NAMES = (StreamName.STDIN, StreamName.STDOUT, StreamName.STDERR)
"""By the number that a frame bears."""
PIECE = 16 * 1024
"""Bytes of a line that Docker keeps together."""
MULTIPLEXED: Final = "application/vnd.docker.multiplexed-stream"
"""The Content-Type of a log in frames."""

_HEADER = Struct(">B3xI")
_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
_STAMP_SIZE = 36
"""Bytes that a timestamp may have: its time zone may be a number."""
_CLOCKS = 60 * 1_000_000_000
"""Nanoseconds by which the engine's clock may be ahead of ours."""


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
        self._splitters = [LineSplitter() for _ in _NAMES]
        self._begun: set[int] = set()
        self._times: dict[int, str | None] = {}

    @property
    def pending(self) -> Sequence[bytes]:
        """The bytes of what has begun and has not ended."""
        return (self._pending,)

    @property
    def last(self) -> int:
        """When the last piece was written."""
        return _moment(self._last)

    def feed(self, data: bytes) -> list[LogLine]:
        """Return the lines that are complete; nearly all are a frame each, which is why this loop is spelled out."""
        buffer = self._pending + data if self._pending else data
        lines: list[LogLine] = []
        give, find, unpack, names = lines.append, buffer.find, _HEADER.unpack_from, _NAMES
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
            self._last = buffer[last : last + _STAMP_SIZE]
        return lines

    def finish(self) -> list[LogLine]:
        """Return the lines that have no ending; raise when a frame has begun and not ended."""
        if self._pending:
            raise EngineProtocolError(f"a multiplexed stream is truncated: {len(self._pending)} bytes of a frame")
        lines = [
            LogLine(_NAMES[stream], line, self._times[stream])
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
            give(LogLine(_NAMES[stream], line.removesuffix(b"\r") if self._tty else line, self._times[stream]))
            self._times[stream] = timestamp
        (self._begun.add if splitter.pending else self._begun.discard)(stream)

    def _is_new(self, stream: int, payload: bytes) -> bool:
        """Tell whether a frame has not come before the cut; behind what has, nothing is looked at any more."""
        assert self._overlap is not None  # noqa: S101 - the caller has looked
        new = self._overlap.is_new((stream, payload), _moment(payload))
        if self._overlap.is_past:
            self._overlap = None
        return new


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
        return _moment(self._last)

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
            elif self._overlap is None or self._overlap.is_new(line, _moment(line)):
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


def without_further_timestamps(text: bytes, stamp: bytes) -> bytes:
    """Take out the timestamps that Docker puts before each further piece of a line.

    A piece of a long line has the line's own; what follows on a line that a run of the container has left unended has a
    later one, but none that lies in the future.
    """
    pieces: list[bytes] = []
    begin, future = 0, f"{from_nanoseconds(time.time_ns() + _CLOCKS):%Y-%m-%dT%H:%M:%S}".encode()
    for found in _STAMP.finditer(text):
        other = found[0][:-1]
        position = found.start() - begin
        if (position and position % PIECE == 0 and other == stamp) or (found.start() and stamp < other < future):
            pieces.append(text[begin : found.start()])
            begin = found.end()
    pieces.append(text[begin:])
    return b"".join(pieces)


def _failure(stream: int, size: int, frame: bytes, *, is_whole: bool) -> ContainerRuntimeError | None:
    """Make the error for what is no frame, or one with the engine's own words; None: it is only not there yet."""
    if stream > SYSTEM_ERROR or size > MAX_ITEM:
        return EngineProtocolError(f"not a frame of a multiplexed stream: {frame[:8]!r}")
    if stream == SYSTEM_ERROR and is_whole:
        return EngineStreamError(frame[8:].decode(errors="replace").strip())
    return None


def _moment(piece: bytes) -> int:
    """Tell when a piece was written, in nanoseconds since the epoch."""
    return to_nanoseconds(piece[:_STAMP_SIZE].decode("ascii", errors="replace"))


class LogSource:
    """The lines of a log as the engine sends it once, without timestamps; a cut is an error."""

    def __init__(self, raw: RawStream, has_tty: Callable[[], Awaitable[bool]]) -> None:
        """Read `raw`; `has_tty` is asked only where the answer's Content-Type leaves open what it is."""
        self._raw = raw
        self._has_tty = has_tty
        self._decoder: LineDecoder | None = None
        self._ended = False

    async def open(self) -> None:
        """Send the request and find out how the answer is framed."""
        await self._raw.open()
        try:
            framed = self._raw.content_type == MULTIPLEXED or not await self._has_tty()
        except BaseException:
            await self._raw.aclose()
            raise
        self._decoder = MultiplexedLines(timestamps=False) if framed else TerminalLines(timestamps=False)

    async def next_batch(self) -> list[LogLine] | None:
        """Return the lines in the next piece, at the end the one without an ending."""
        if self._decoder is None or self._ended:
            return None
        if self._decoder.failure is not None:
            raise self._decoder.failure
        if data := await self._raw.receive():
            return self._decoder.feed(data)
        self._ended = True
        return self._decoder.finish()

    async def aclose(self) -> None:
        """Close the answer."""
        await self._raw.aclose()
