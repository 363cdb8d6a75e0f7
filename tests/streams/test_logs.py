"""A log's lines out of bytes that are split anywhere, and its source on an engine that plays scripts."""

from collections.abc import Callable
from itertools import pairwise
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clab_runtime import EngineProtocolError, EngineStreamError, LogLine, Stream, StreamName
from clab_runtime.engine.client import EngineClient
from clab_runtime.streams.logs import LineDecoder, LogSource, MultiplexedLines, TerminalLines
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, chunked, fake_engine

FIRST, SECOND = "2026-01-02T03:04:05.123456789Z", "2026-01-02T03:04:06.000000001Z"
FUTURE = "2999-01-02T03:04:05.123456789Z"
PIECE = 16 * 1024
"""Bytes of a long line that an engine keeps together."""


def frame(data: bytes, stream: int = 1) -> bytes:
    return pack(">B3xI", stream, len(data)) + data


def fed(decoder: LineDecoder, *pieces: bytes) -> list[LogLine]:
    lines = [line for piece in pieces for line in decoder.feed(piece)]
    return [*lines, *decoder.finish()]


def split(data: bytes, at: list[int]) -> list[bytes]:
    cuts = sorted({0, len(data), *(cut % (len(data) + 1) for cut in at)})
    return [data[a:b] for a, b in pairwise(cuts)]


def split_anywhere(test: Callable[[list[int]], None]) -> Callable[..., None]:
    """Split at every byte, at every single place of the first 200, and wherever hypothesis thinks of."""
    tried: Callable[..., None] = given(st.lists(st.integers(0, 1000)))(test)
    for cuts in (list(range(200)), *([cut] for cut in range(200))):
        tried = example(cuts)(tried)
    return tried


def out(data: bytes, timestamp: str | None = None) -> LogLine:
    return LogLine(StreamName.STDOUT, data, timestamp)


# ---------------------------------------------------------------- frames


FRAMES = (
    frame(b"one\n") + frame(b"\n") + frame(b"err\n", 2) + frame(b"two\nthree\nfo") + frame(b"ur\n") + frame(b"last")
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
    assert fed(MultiplexedLines(timestamps=False), *split(FRAMES, cuts)) == LINES


@split_anywhere
def test_every_frame_has_its_timestamp_and_a_line_has_its_first_ones(cuts: list[int]) -> None:
    data = (
        frame(f"{FIRST} ".encode() + b"x" * 5)
        + frame(f"{SECOND} err\n".encode(), 2)
        + frame(f"{SECOND} yy\n".encode())
        + frame(f"{SECOND} a b".encode())
    )
    assert fed(MultiplexedLines(timestamps=True), *split(data, cuts)) == [
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
    lines = decoder.feed(frame(b"one\n") + frame(b"Error grabbing logs: broken\n", 3))
    assert lines == [out(b"one")]
    assert isinstance(decoder.failure, EngineStreamError)
    assert str(decoder.failure) == "Error grabbing logs: broken"


# ---------------------------------------------------------------- terminals


@split_anywhere
def test_a_terminals_output_is_cut_into_lines_wherever_it_is_split(cuts: list[int]) -> None:
    data = b"one\r\n\r\na\rb\r\ntwo\nlast"
    lines = [b"one", b"", b"a\rb", b"two", b"last"]
    assert fed(TerminalLines(timestamps=False), *split(data, cuts)) == [out(line) for line in lines]


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
    assert fed(TerminalLines(timestamps=True), *split(data, cuts)) == [
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


# ---------------------------------------------------------------- the source


async def read(reply: bytes, *, tty: bool = False) -> tuple[list[LogLine], int]:
    """Read a log of an engine that answers with this; tell how often the container was looked at."""
    looks = 0
    failure: list[Exception] = []
    lines: list[LogLine] = []

    async def script(peer: Peer, request: Request) -> None:
        nonlocal looks
        if "/logs" in request.target:
            await peer.send(reply)
            await peer.hang_up()
        else:
            looks += 1
            state = b'{"Id":"x","Config":{"Tty":%b}}' % (b"true" if tty else b"false")
            await peer.send(answer(state) if reply.startswith(b"HTTP/1.1 200") else answer(status="404 Not Found"))

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:

        async def has_tty() -> bool:
            return (await client.containers.inspect("x")).config.tty

        stream = Stream(LogSource(client.containers.logs("x"), has_tty))
        try:
            async with stream:
                lines.extend([line async for line in stream])
        except (EngineProtocolError, EngineStreamError) as exc:
            failure.append(exc)
        assert "0 dedicated" in repr(client)
    if failure:
        raise failure[0]
    return lines, looks


MULTIPLEXED = ("Content-Type: application/vnd.docker.multiplexed-stream",)


@pytest.mark.anyio
async def test_an_answer_that_says_it_is_framed_needs_no_look_at_the_container(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        assert await read(chunked(frame(b"one\n"), headers=MULTIPLEXED), tty=True) == ([out(b"one")], 0)


@pytest.mark.anyio
@pytest.mark.parametrize("header", [(), ("Content-Type: application/vnd.docker.raw-stream",)])
async def test_an_answer_that_does_not_say_is_as_the_container_is(header: tuple[str, ...]) -> None:
    assert await read(chunked(frame(b"one\n"), headers=header)) == ([out(b"one")], 1)
    assert await read(chunked(b"one\r\n", headers=header), tty=True) == ([out(b"one")], 1)


@pytest.mark.anyio
async def test_a_log_that_breaks_off_is_an_error(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        with pytest.raises(EngineProtocolError):
            await read(chunked(frame(b"one\n"), headers=MULTIPLEXED, end=False))


@pytest.mark.anyio
async def test_a_log_that_ends_inside_a_frame_is_an_error() -> None:
    with pytest.raises(EngineProtocolError, match="truncated"):
        await read(chunked(frame(b"one\n")[:-1], headers=MULTIPLEXED))


@pytest.mark.anyio
async def test_a_container_that_can_not_be_looked_at_leaves_nothing_open(no_leaks: NoLeaks) -> None:
    async def script(peer: Peer, request: Request) -> None:
        if "/logs" in request.target:
            await peer.send(chunked(frame(b"one\n"), end=False))
            await peer.hung_up()

    async def fail() -> bool:
        raise EngineProtocolError("no look")

    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        stream = Stream(LogSource(client.containers.logs("x", follow=True), fail))
        with pytest.raises(EngineProtocolError, match="no look"):
            await anext(stream)
        assert "0 dedicated" in repr(client)


@pytest.mark.anyio
async def test_a_log_that_was_never_opened_is_closed_without_a_word(no_leaks: NoLeaks) -> None:
    async with no_leaks(), EngineClient("unix:///nowhere") as client:
        source = LogSource(client.containers.logs("x"), bool_false)
        assert await source.next_batch() is None
        await Stream(source).aclose()


async def bool_false() -> bool:
    return False
