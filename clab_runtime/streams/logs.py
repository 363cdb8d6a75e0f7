"""A container's log as lines: out of the frames of a container without a TTY, or the raw output of one with a TTY."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Protocol

from clab_runtime.engine.framing import STDERR, STDIN, STDOUT, SYSTEM_ERROR, FrameDecoder, LineSplitter
from clab_runtime.engine.stream import RawStream
from clab_runtime.errors import EngineStreamError
from clab_runtime.models import LogLine, StreamName

_NAMES = {STDIN: StreamName.STDIN, STDOUT: StreamName.STDOUT, STDERR: StreamName.STDERR}
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
        self._splitters = {stream: LineSplitter() for stream in _NAMES}
        self._begun: dict[int, str | None] = {}

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Yield the lines that are complete."""
        splitters = self._splitters
        for stream, frame in self._frames.feed(data):
            if stream == SYSTEM_ERROR:
                raise EngineStreamError(frame.decode(errors="replace").strip())
            payload, timestamp = frame, None
            if self._timestamps:
                timestamp, payload = _split_timestamp(frame)
            splitter = splitters[stream]
            if not splitter.pending and payload.find(b"\n") == len(payload) - 1 >= 0:
                yield LogLine(_NAMES[stream], payload[:-1], timestamp)
            else:
                yield from self._feed_slowly(stream, splitter, payload, timestamp)

    def finish(self) -> Iterable[LogLine]:
        """Return the lines that have no ending; raise when a frame has begun and not ended."""
        self._frames.finish()
        return [
            LogLine(_NAMES[stream], line, self._begun.get(stream))
            for stream, splitter in self._splitters.items()
            for line in splitter.finish()
        ]

    def _feed_slowly(
        self, stream: int, splitter: LineSplitter, payload: bytes, timestamp: str | None
    ) -> Iterator[LogLine]:
        """Join a line of several frames under the first one's timestamp; cut a frame of several lines."""
        if not splitter.pending:
            self._begun[stream] = timestamp
        for line in splitter.feed(payload):
            yield LogLine(_NAMES[stream], line, self._begun[stream])
            self._begun[stream] = timestamp


class TerminalLines:
    """Lines of a TTY's output, all of it stdout; they end in a carriage return and a line feed."""

    def __init__(self, *, timestamps: bool) -> None:
        """Expect a timestamp before each line if `timestamps`."""
        self._timestamps = timestamps
        self._splitter = LineSplitter()

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Yield the lines that are complete."""
        return map(self._line, self._splitter.feed(data))

    def finish(self) -> Iterable[LogLine]:
        """Return the line that has no ending."""
        return map(self._line, self._splitter.finish())

    def _line(self, data: bytes) -> LogLine:
        """Take off the carriage return and the timestamp."""
        timestamp = None
        if self._timestamps:
            timestamp, data = _split_timestamp(data)
        return LogLine(StreamName.STDOUT, data.removesuffix(b"\r"), timestamp)


def _split_timestamp(data: bytes) -> tuple[str, bytes]:
    """Part the engine's timestamp from the text behind it."""
    timestamp, _, text = data.partition(b" ")
    return timestamp.decode("ascii", errors="replace"), text


class LogSource:
    """The lines of a log that the engine sends."""

    def __init__(self, raw: RawStream, has_tty: Callable[[], Awaitable[bool]], *, timestamps: bool) -> None:
        """Read `raw`; `has_tty` is asked only where the answer's Content-Type leaves open what it is."""
        self._raw = raw
        self._has_tty = has_tty
        self._timestamps = timestamps
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
        self._decoder = (MultiplexedLines if framed else TerminalLines)(timestamps=self._timestamps)

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
