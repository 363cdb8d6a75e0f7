"""A log's lines out of a terminal's output that is split anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.streams.terminal_lines import TerminalLines
from tests.engine.pieces import cut
from tests.streams.log_bytes import FIRST, SECOND, fed, out, split_anywhere

FUTURE = "2999-01-02T03:04:05.123456789Z"
PIECE = 16 * 1024
"""Bytes of a long line that an engine keeps together."""


@split_anywhere
def test_a_terminals_output_is_cut_into_lines_wherever_it_is_split(cuts: list[int]) -> None:
    data = b"one\r\n\r\na\rb\r\ntwo\nlast"
    lines = [b"one", b"", b"a\rb", b"two", b"last"]
    assert fed(TerminalLines(timestamps=False), *cut(data, cuts)) == [out(line) for line in lines]


@given(st.lists(st.integers(0, 100_000)))
def test_a_terminals_lines_have_their_timestamps_and_a_long_one_has_none_inside(cuts: list[int]) -> None:
    long = b"x" * PIECE
    data = (
        f"{FIRST} one\r\n{FIRST} ".encode()
        + long
        + f"{FIRST} ".encode()
        + long
        + f"{FIRST} y\r\n{SECOND} ".encode()
        + b"a b\r\n"
    )
    assert fed(TerminalLines(timestamps=True), *cut(data, cuts)) == [
        out(b"one", FIRST),
        out(2 * long + b"y", FIRST),
        out(b"a b", SECOND),
    ]


def test_what_a_terminal_writes_that_looks_like_a_timestamp_is_kept() -> None:
    data = f"{SECOND} at {FIRST} x\r\n{FIRST} {SECOND} y\r\n{FIRST} at {FIRST} z {FUTURE} \r\n".encode()
    assert fed(TerminalLines(timestamps=True), data) == [
        out(f"at {FIRST} x".encode(), SECOND),
        out(f"{SECOND} y".encode(), FIRST),
        out(f"at {FIRST} z {FUTURE} ".encode(), FIRST),
    ]


def test_a_line_that_one_run_has_begun_and_the_next_one_has_ended_has_one_timestamp() -> None:
    data = f"{FIRST} last{SECOND} one\r\n".encode()
    assert fed(TerminalLines(timestamps=True), data) == [out(b"lastone", FIRST)]
