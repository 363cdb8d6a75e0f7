"""A log as the engine sends it once, for those who need not outlast a cut."""

from clab_runtime.engine.raw import RawStream
from clab_runtime.models import LogLine
from clab_runtime.streams.line_decoder import LineDecoder
from clab_runtime.streams.multiplexed_lines import MULTIPLEXED, MultiplexedLines
from clab_runtime.streams.terminal_lines import TerminalLines


class LogSource:
    """The lines of a log as the engine sends it once, without timestamps; a cut is an error."""

    def __init__(self, raw: RawStream, *, tty: bool) -> None:
        """Read `raw`; whether the container has a TTY counts only where the answer leaves open how it is framed."""
        self._raw = raw
        self._tty = tty
        self._decoder: LineDecoder | None = None
        self._ended = False

    async def open(self) -> None:
        """Send the request and find out how the answer is framed."""
        await self._raw.open()
        framed = self._raw.content_type == MULTIPLEXED or not self._tty
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
