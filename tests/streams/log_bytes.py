"""Bytes as logs have them, and their lines."""

from collections.abc import Callable

from hypothesis import example, given
from hypothesis import strategies as st

from clab_runtime import LogLine, StreamName
from clab_runtime.streams.line_decoder import LineDecoder

FIRST, SECOND = "2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:06.000000001Z"


def fed(decoder: LineDecoder, *pieces: bytes) -> list[LogLine]:
    """Return the lines in the pieces, and what is left at their end."""
    lines = [line for piece in pieces for line in decoder.feed(piece)]
    return [*lines, *decoder.finish()]


def split_anywhere(test: Callable[[list[int]], None]) -> Callable[..., None]:
    """Split at every byte, at every single place of the first 200, and wherever hypothesis thinks of."""
    tried: Callable[..., None] = given(st.lists(st.integers(0, 1000)))(test)
    for cuts in (list(range(200)), *([cut] for cut in range(200))):
        tried = example(cuts)(tried)
    return tried


def out(data: bytes, timestamp: str | None = None) -> LogLine:
    """Make a line of stdout."""
    return LogLine(StreamName.STDOUT, data, timestamp)
