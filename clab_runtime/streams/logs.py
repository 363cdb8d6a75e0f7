"""A container's log as lines: out of the frames of a container without a TTY, or the raw output of one with a TTY."""

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Protocol

from clab_runtime.engine.framing import SYSTEM_ERROR, FrameDecoder, LineSplitter
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import EngineStreamError
from clab_runtime.models import LogLine, StreamName

_NAMES = (StreamName.STDIN, StreamName.STDOUT, StreamName.STDERR)
"""By the number that a frame bears."""
PIECE = 16 * 1024
"""Bytes of a line that Docker keeps together."""

_TIMESTAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d) ")
_MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


class LineDecoder(Protocol):
    """What turns the bytes of a log into lines."""

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Yield the lines that are complete."""
        ...

    def finish(self) -> Iterable[LogLine]:
        """Return what is left at the end."""
        ...


class MultiplexedLines:
    """Lines out of frames; the engine writes a frame per line, several for one that is long."""

    def __init__(self, *, timestamps: bool) -> None:
        """Expect a timestamp before each frame's text if `timestamps`."""
        self._timestamps = timestamps
        self._frames = FrameDecoder()
        self._splitters = [LineSplitter() for _ in _NAMES]
        self._begun: set[int] = set()
        self._times: dict[int, str | None] = {}

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Yield the lines that are complete; nearly all are a frame each, which is why this loop is spelled out."""
        timestamps, begun, timestamp = self._timestamps, self._begun, None
        for stream, payload in self._frames.feed(data):
            text = payload
            if timestamps:
                timestamp, text = _split_timestamp(payload)
            if stream < SYSTEM_ERROR and stream not in begun and text.find(b"\n") == len(text) - 1 >= 0:
                yield LogLine(_NAMES[stream], text[:-1], timestamp)
            else:
                yield from self._feed_slowly(stream, text, timestamp)

    def finish(self) -> Iterable[LogLine]:
        """Return the lines that have no ending; raise when a frame has begun and not ended."""
        self._frames.finish()
        return [
            LogLine(_NAMES[stream], line, self._times[stream])
            for stream in sorted(self._begun)
            for line in self._splitters[stream].finish()
        ]

    def _feed_slowly(self, stream: int, text: bytes, timestamp: str | None) -> Iterator[LogLine]:
        """Join a line of several frames under the first one's timestamp; cut a frame of several lines."""
        if stream == SYSTEM_ERROR:
            raise EngineStreamError(text.decode(errors="replace").strip())
        if stream not in self._begun:
            self._times[stream] = timestamp
        splitter = self._splitters[stream]
        for line in splitter.feed(text):
            yield LogLine(_NAMES[stream], line, self._times[stream])
            self._times[stream] = timestamp
        (self._begun.add if splitter.pending else self._begun.discard)(stream)


Unstamped = Callable[[bytes, bytes], bytes]
"""What takes an engine's timestamps out of a line, given the one before it."""


def without_further_timestamps(text: bytes, _: bytes) -> bytes:
    """Take out the timestamps that Docker puts before each further piece of a long line."""
    pieces = [text[:PIECE]]
    position = PIECE
    while position < len(text):
        if found := _TIMESTAMP.match(text, position):
            position = found.end()
        pieces.append(text[position : position + PIECE])
        position += PIECE
    return b"".join(pieces)


class TerminalLines:
    """Lines of a TTY's output, all of it stdout; they end in a carriage return and a line feed."""

    def __init__(self, *, timestamps: bool, unstamped: Unstamped = without_further_timestamps) -> None:
        """Expect a timestamp before each line if `timestamps`, and further ones that `unstamped` takes out."""
        self._timestamps = timestamps
        self._unstamped = unstamped
        self._splitter = LineSplitter()

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Yield the lines that are complete."""
        return map(self._line, self._splitter.feed(data))

    def finish(self) -> Iterable[LogLine]:
        """Return the line that has no ending."""
        return map(self._line, self._splitter.finish())

    def _line(self, data: bytes) -> LogLine:
        """Take off the carriage return and the timestamps."""
        data = data.removesuffix(b"\r")
        if not self._timestamps:
            return LogLine(StreamName.STDOUT, data)
        timestamp, text = _split_timestamp(data)
        return LogLine(StreamName.STDOUT, self._unstamped(text, timestamp.encode()), timestamp)


def _split_timestamp(data: bytes) -> tuple[str, bytes]:
    """Part the engine's timestamp from the text behind it."""
    timestamp, _, text = data.partition(b" ")
    return timestamp.decode("ascii", errors="replace"), text


class LogSource:
    """The lines of a log that the engine sends."""

    def __init__(
        self,
        raw: RawStream,
        has_tty: Callable[[], Awaitable[bool]],
        *,
        timestamps: bool,
        unstamped: Unstamped = without_further_timestamps,
    ) -> None:
        """Read `raw`; `has_tty` is asked only where the answer's Content-Type leaves open what it is.

        `unstamped` takes an engine's further timestamps out of a terminal's line.
        """
        self._raw = raw
        self._has_tty = has_tty
        self._timestamps = timestamps
        self._unstamped = unstamped
        self._decoder: LineDecoder | None = None
        self._ended = False

    async def open(self) -> None:
        """Send the request and find out how the answer is framed."""
        await self._raw.open()
        try:
            framed = self._raw.content_type == _MULTIPLEXED or not await self._has_tty()
        except BaseException:
            await self._raw.aclose()
            raise
        self._decoder = self._multiplexed() if framed else self._terminal()

    async def next_batch(self) -> Iterable[LogLine] | None:
        """Return the lines in the next piece, at the end the one without an ending."""
        if self._decoder is None or self._ended:
            return None
        if data := await self._raw.receive():
            return self._decoder.feed(data)
        self._ended = True
        return self._decoder.finish()

    async def aclose(self) -> None:
        """Close the answer."""
        await self._raw.aclose()

    def _multiplexed(self) -> LineDecoder:
        """Expect frames."""
        return MultiplexedLines(timestamps=self._timestamps)

    def _terminal(self) -> LineDecoder:
        """Expect a terminal's output."""
        return TerminalLines(timestamps=self._timestamps, unstamped=self._unstamped)
