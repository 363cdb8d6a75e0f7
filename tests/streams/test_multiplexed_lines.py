"""A log's lines out of frames that are split anywhere."""

import pytest

from clab_runtime import EngineProtocolError, EngineStreamError, LogLine, StreamName
from clab_runtime.streams.multiplexed_lines import MultiplexedLines
from tests.engine.fake_engine import frame
from tests.engine.pieces import cut
from tests.streams.log_bytes import FIRST, SECOND, fed, out, split_anywhere

FRAMES = (
    frame(1, b"one\n")
    + frame(1, b"\n")
    + frame(2, b"err\n")
    + frame(1, b"two\nthree\nfo")
    + frame(1, b"ur\n")
    + frame(1, b"last")
)
LINES = [
    out(b"one"),
    out(b""),
    LogLine(StreamName.STDERR, b"err"),
    out(b"two"),
    out(b"three"),
    out(b"four"),
    out(b"last"),
]


@split_anywhere
def test_frames_are_cut_into_lines_wherever_they_are_split(cuts: list[int]) -> None:
    assert fed(MultiplexedLines(timestamps=False), *cut(FRAMES, cuts)) == LINES


@split_anywhere
def test_every_frame_has_its_timestamp_and_a_line_has_its_first_ones(cuts: list[int]) -> None:
    data = (
        frame(1, f"{FIRST} ".encode() + b"x" * 5)
        + frame(2, f"{SECOND} err\n".encode())
        + frame(1, f"{SECOND} yy\n".encode())
        + frame(1, f"{SECOND} a b".encode())
    )
    assert fed(MultiplexedLines(timestamps=True), *cut(data, cuts)) == [
        LogLine(StreamName.STDERR, b"err", SECOND),
        out(b"xxxxxyy", FIRST),
        out(b"a b", SECOND),
    ]


def test_a_frame_that_has_not_ended_is_an_error_after_the_lines_before_it() -> None:
    decoder = MultiplexedLines(timestamps=False)
    assert decoder.feed(FRAMES[:-1]) == LINES[:-1]
    with pytest.raises(EngineProtocolError, match="truncated"):
        decoder.finish()


def test_the_engines_own_error_inside_a_log_is_raised_with_its_words() -> None:
    decoder = MultiplexedLines(timestamps=False)
    lines = decoder.feed(frame(1, b"one\n") + frame(3, b"Error grabbing logs: broken\n"))
    assert lines == [out(b"one")]
    assert isinstance(decoder.failure, EngineStreamError)
    assert str(decoder.failure) == "Error grabbing logs: broken"
