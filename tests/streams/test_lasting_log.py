"""A log that is cut anywhere gives each line once, whole and in order; no matter where, how often and how."""

import json
import math
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast
from unittest.mock import patch

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clab_runtime import (
    EngineConnectionError,
    EngineProtocolError,
    EngineStreamError,
    LogLine,
    NotFoundError,
    Stream,
    StreamName,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.models.timestamps import to_nanoseconds
from clab_runtime.runtime.log_origin import LogOrigin
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.streams.lasting_log import LastingLog, Look
from clab_runtime.streams.line_decoder import LineDecoder
from clab_runtime.streams.log_memory import SECOND, LogMemory
from clab_runtime.streams.multiplexed_lines import MultiplexedLines
from clab_runtime.streams.terminal_lines import TerminalLines
from tests.conftest import NoLeaks
from tests.engine.fake_engine import (
    MULTIPLEXED,
    Peer,
    Request,
    answer,
    answering_once,
    chunk,
    chunked,
    fake_engine,
    frame,
)

BEGIN = to_nanoseconds("2026-01-02T03:04:05Z")
LATEST_END = "2001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Piece:
    """What an engine keeps as one: a line or a part of one."""

    moment: int
    text: bytes
    stream: int = 1

    def written(self, *, fine: bool) -> bytes:
        """Write it with its timestamp."""
        seconds, rest = divmod(self.moment, SECOND)
        clock = f"2026-01-02T03:{4 + seconds // 60:02}:{seconds % 60:02}"
        return f"{clock}{f'.{rest:09}' if fine else ''}Z ".encode() + self.text

    def framed(self, *, fine: bool) -> bytes:
        """Write it as a frame."""
        return frame(self.stream, self.written(fine=fine))


@dataclass
class FakeRaw:
    """An answer that comes in pieces and breaks off."""

    data: bytes
    sizes: list[int]
    end: str
    on_end: Callable[[], None]

    content_type = ""
    date = ""

    async def open(self) -> None:
        if self.end == "refused":
            self.on_end()
            raise EngineConnectionError("fake", "refused", "none")

    async def receive(self) -> bytes:
        if self.data:
            size = self.sizes.pop() if self.sizes else len(self.data)
            data, self.data = self.data[:size], self.data[size:]
            return data
        self.on_end()
        if self.end == "cut":
            raise EngineProtocolError("cut")
        return b""

    async def aclose(self) -> None:
        pass


@dataclass
class FakeOrigin:
    """An engine with one log, whose answers break off after so many bytes."""

    pieces: Sequence[Piece]
    cuts: list[tuple[int, str]]
    sizes: list[int]
    tty: bool = False
    fine: bool = True
    tail: int | None = None
    since: int = 0
    overlap: int = SECOND
    skip = 0
    until = math.inf
    is_pinned = True
    answers_late = False
    asked: int = 0
    runs: bool = field(default=False)

    async def prepare(self) -> None:
        pass

    async def look(self) -> Look:
        runs, self.runs = self.runs, False
        return Look(id="x", tty=self.tty, runs=runs, started_at=1, finished_at=0, created_at=0)

    async def pause(self, seconds: float) -> None:
        await anyio.sleep(seconds)

    def gone(self) -> NotFoundError:
        return NotFoundError(404, "gone", "GET", "/")

    def ask(self, *, since: int, tail: int | None, follow: bool) -> RawStream:
        pieces = (
            [piece for piece in self.pieces if BEGIN - 5 * SECOND + piece.moment >= since] if since else self.pieces
        )
        if tail is not None:
            pieces = pieces[max(len(pieces) - tail, 0) :]
        if self.tty:
            data = b"".join(piece.written(fine=self.fine) for piece in pieces)
        else:
            data = b"".join(piece.framed(fine=self.fine) for piece in pieces)
        self.asked += 1
        where, end = self.cuts.pop() if self.cuts and follow else (len(data), "")
        whole = where >= len(data) and end != "refused"

        def on_end() -> None:
            self.runs = end == "clean" or (whole and bool(self.cuts))

        raw = FakeRaw(data[:where] if end != "refused" else b"", list(self.sizes), end, on_end)
        return cast("RawStream", raw)

    async def decoder(self, raw: RawStream, *, timestamps: bool) -> LineDecoder:
        del raw
        if self.tty:
            return TerminalLines(timestamps=timestamps, stamped=True)
        return MultiplexedLines(timestamps=timestamps, stamped=True)


def read_all(origin: FakeOrigin, *, follow: bool = True) -> list[LogLine]:
    """Read a log to its end."""

    async def read() -> list[LogLine]:
        with anyio.fail_after(20):
            async with Stream(LastingLog(origin, follow=follow, timestamps=True)) as log:
                return [line async for line in log]

    with patch("clab_runtime.streams.patience.FIRST_PAUSE", 0.0):
        return anyio.run(read)


def whole(pieces: Sequence[Piece], *, tty: bool = False, fine: bool = True) -> list[LogLine]:
    """Tell which lines there are: what an answer that is not cut has."""
    return read_all(FakeOrigin(pieces, [], [], tty=tty, fine=fine), follow=False)


TEXTS = st.sampled_from([b"a\n", b"b\n", b"\n", b"tick\n", b"x y z\n", b"part", b"2026-01-02T03:04:05Z \n"])
STEPS = st.sampled_from([0, 0, 1, 1000, SECOND // 20, SECOND // 2, SECOND, 3 * SECOND])


@st.composite
def logs(draw: st.DrawFn) -> list[Piece]:
    moment, pieces = 0, list[Piece]()
    for _ in range(draw(st.integers(1, 25))):
        moment += draw(STEPS)
        pieces.append(Piece(moment, draw(TEXTS), draw(st.sampled_from([1, 1, 1, 2]))))
    return pieces


FIRST_CUT = st.tuples(st.integers(0, 1500), st.sampled_from(["cut", "clean"]))
LATER_CUTS = st.lists(st.tuples(st.integers(0, 1500), st.sampled_from(["cut", "cut", "clean", "refused"])), max_size=7)


def with_first(later: list[tuple[int, str]], first: tuple[int, str]) -> list[tuple[int, str]]:
    """Put the first cut where it is taken first: its error would be raised if the engine refused the connection."""
    return [*later, first]


CUTS = st.builds(with_first, LATER_CUTS, FIRST_CUT)
SIZES = st.lists(st.integers(1, 200), max_size=30)


@settings(deadline=None, max_examples=100)
@given(pieces=logs(), cuts=CUTS, sizes=SIZES, fine=st.booleans())
def test_a_log_that_is_cut_anywhere_gives_each_line_once_in_order(
    pieces: list[Piece], cuts: list[tuple[int, str]], sizes: list[int], *, fine: bool
) -> None:
    assert read_all(FakeOrigin(pieces, cuts, sizes, fine=fine)) == whole(pieces, fine=fine)


@settings(deadline=None, max_examples=100)
@given(logs(), CUTS, SIZES)
def test_a_terminals_log_that_is_cut_anywhere_gives_each_line_once_in_order(
    pieces: list[Piece], cuts: list[tuple[int, str]], sizes: list[int]
) -> None:
    pieces = [Piece(piece.moment, piece.text.replace(b"part", b"p\n").replace(b"\n", b"\r\n")) for piece in pieces]
    assert read_all(FakeOrigin(pieces, cuts, sizes, tty=True)) == whole(pieces, tty=True)


@settings(deadline=None, max_examples=50)
@given(logs(), CUTS, st.integers(1, 30), st.booleans())
def test_the_tail_that_is_cut_anywhere_is_the_tail(
    pieces: list[Piece],
    cuts: list[tuple[int, str]],
    tail: int,
    fine: bool,  # noqa: FBT001 - hypothesis gives it
) -> None:
    pieces = [Piece(piece.moment, b"%d\n" % index, piece.stream) for index, piece in enumerate(pieces)]
    assert read_all(FakeOrigin(pieces, cuts, [], fine=fine, tail=tail)) == whole(pieces, fine=fine)[-tail:]


@dataclass
class Reader:
    """What knows when the last of what was read was written."""

    last: int = BEGIN


@pytest.mark.parametrize("size", [64 * 1024, 1024])
def test_what_is_kept_of_a_fast_log_has_a_limit(size: int) -> None:
    memory, reader = LogMemory(SECOND, fine=True), Reader()
    reads = 400 * 64 * 1024 // size
    for index in range(reads):
        reader.last = BEGIN + index * SECOND * 4 // 10 // reads
        memory.add((), b"x" * size, reader)
    assert BEGIN + 0.2 * SECOND < memory.since < BEGIN + 0.4 * SECOND
    reader.last = BEGIN + 10 * SECOND
    memory.add((), b"x", reader)
    assert memory.since == BEGIN + 9 * SECOND


# ---------------------------------------------------------------- on an engine that plays scripts

PIECES = [
    Piece(0, b"one\n"),
    Piece(1, b"err\n", 2),
    Piece(1, b"beginning, "),
    Piece(2, b"end\n"),
    Piece(3 * SECOND, b"same\n"),
    Piece(3 * SECOND, b"same\n"),
    Piece(4 * SECOND, b"last"),
]


class Script:
    """An engine with one log, whose first answers break off after so many bytes of the body."""

    def __init__(self, *cuts: int, tty: bool, pieces: Sequence[Piece] = PIECES) -> None:
        self.cuts = list(cuts)
        self.tty = tty
        self.pieces = pieces
        self.status: str = "exited"
        self.finished = LATEST_END
        self.clean = False
        self.logs: list[str] = []
        self.looks = 0

    async def __call__(self, peer: Peer, request: Request) -> None:
        if "/logs" not in request.target:
            self.looks += 1
            state = {"Status": self.status, "FinishedAt": self.finished}
            await peer.send(answer(json.dumps({"Id": "x", "Config": {"Tty": self.tty}, "State": state}).encode()))
            return
        self.logs.append(request.target)
        found = re.search(r"since=(\d+)\.(\d+)", request.target)
        since = int(found[1]) * SECOND + int(found[2]) if found else 0
        body = b"".join(
            piece.written(fine=True) if self.tty else piece.framed(fine=True)
            for piece in self.pieces
            if BEGIN - 5 * SECOND + piece.moment >= since
        )
        if self.cuts:
            body = body[: self.cuts.pop(0)]
            await peer.send(chunked(end=False) + (chunk(body) if body else b"") + (b"0\r\n\r\n" if self.clean else b""))
            await peer.hang_up()
        else:
            await peer.send(chunked(body))


def following(client: EngineClient, *, follow: bool = True, give_up_after: float = 60.0) -> Stream[LogLine]:
    origin = LogOrigin(client, "x", LogWish())
    return Stream(LastingLog(origin, follow=follow, timestamps=False, give_up_after=give_up_after))


async def read(script: Script) -> list[tuple[StreamName, bytes]]:
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        return await read_from(client)


async def read_from(client: EngineClient, *, follow: bool = True) -> list[tuple[StreamName, bytes]]:
    with anyio.fail_after(20):
        async with following(client, follow=follow) as log:
            lines = [line async for line in log]
    assert "0 dedicated" in repr(client)
    assert all(line.timestamp is None for line in lines)
    return [(line.stream, line.data) for line in lines]


@pytest.mark.anyio
@pytest.mark.parametrize("tty", [False, True])
async def test_a_log_is_cut_at_each_of_its_bytes(no_leaks: NoLeaks, *, tty: bool) -> None:
    pieces = [piece for piece in PIECES if piece.text.endswith(b"\n")] if tty else PIECES
    size = len(b"".join(piece.written(fine=True) if tty else piece.framed(fine=True) for piece in pieces))
    script = Script(tty=tty, pieces=pieces)
    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        expected = await read_from(client)
        assert len(expected) == len(pieces) - (not tty)
        for cut in range(size + 1):
            script.cuts = [cut]
            assert await read_from(client, follow=bool(cut % 2)) == expected, cut
            assert not script.cuts


@pytest.mark.anyio
async def test_a_containers_end_costs_one_look() -> None:
    script = Script(tty=False)
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        origin = LogOrigin(client, "x", LogWish())
        origin.is_pinned = True
        async with Stream(LastingLog(origin, follow=False, timestamps=False)) as log:
            assert len([line async for line in log]) == 6
        before = script.looks
        async with following(client) as log:
            assert len([line async for line in log]) == 6
        assert script.looks == before + 2, "one for the terminal, since the answer does not say, and one at the end"


@pytest.mark.anyio
async def test_an_answer_that_says_it_is_framed_needs_no_look_at_the_container() -> None:
    reply = answering_once(chunked(PIECES[0].framed(fine=True), headers=MULTIPLEXED))
    async with fake_engine(reply) as fake, EngineClient(fake.endpoint) as client:
        async with following(client, follow=False) as log:
            assert [line.data async for line in log] == [b"one"]
        assert ["/logs" in request.target for request in fake.requests] == [True]


@pytest.mark.anyio
async def test_a_container_that_can_not_be_looked_at_leaves_nothing_open(no_leaks: NoLeaks) -> None:
    async def script(peer: Peer, request: Request) -> None:
        if "/logs" in request.target:
            await peer.send(chunked(PIECES[0].framed(fine=True), end=False))
            await peer.hung_up()
        else:
            await peer.send(answer(status="404 Not Found"))

    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(NotFoundError):
            await anext(following(client))
        assert "0 dedicated" in repr(client)


@pytest.mark.anyio
async def test_a_neat_end_of_a_container_that_runs_is_a_cut() -> None:
    script = Script(150, tty=False)
    script.clean, script.status = True, "running"
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client, following(client) as log:
        lines = [(await anext(log)).data for _ in range(2)]
        assert script.looks == 1
        lines += [(await anext(log)).data for _ in range(3)]
        assert lines == [b"one", b"err", b"beginning, end", b"same", b"same"]
        script.status = "exited"
        assert [line.data async for line in log] == [b"last"]


@pytest.mark.anyio
async def test_a_container_that_has_ended_and_runs_again_has_ended() -> None:
    script = Script(tty=False)
    script.status, script.finished = "running", "2999-01-01T00:00:00Z"
    assert len(await read(script)) == 6
    assert ["follow=1" in target for target in script.logs] == [True, False], "once more, to be sure of its end"


@pytest.mark.anyio
async def test_an_engine_that_stays_away_is_given_up(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        async with fake_engine(Script(60, tty=False)) as fake, EngineClient(fake.endpoint) as client:
            log = following(client, give_up_after=0)
            assert (await anext(log)).data == b"one"
            with pytest.raises(EngineProtocolError):
                await anext(log)
        async with fake_engine(Script(60, tty=False)) as fake:
            client = EngineClient(fake.endpoint)
            log = following(client, give_up_after=0.2)
            assert (await anext(log)).data == b"one"
        with pytest.raises(EngineConnectionError):
            await anext(log)
        await client.aclose()


@pytest.mark.anyio
async def test_a_container_that_is_gone_after_a_cut_is_an_error() -> None:
    script = Script(60, tty=False)

    async def gone(peer: Peer, request: Request) -> None:
        if script.logs:
            await peer.send(answer(b'{"message":"No such container: x"}', status="404 Not Found"))
        else:
            await script(peer, request)

    async with fake_engine(gone) as fake, EngineClient(fake.endpoint) as client:
        log = Stream(LastingLog(pinned(client), follow=True, timestamps=False))
        assert (await anext(log)).data == b"one"
        with pytest.raises(NotFoundError):
            await anext(log)


def pinned(client: EngineClient) -> LogOrigin:
    class Framed(LogOrigin):
        async def decoder(self, raw: RawStream, *, timestamps: bool) -> LineDecoder:
            del raw
            return MultiplexedLines(timestamps=timestamps, stamped=True)

    return Framed(client, "x", LogWish())


@pytest.mark.anyio
async def test_another_container_of_the_name_is_not_taken_for_it() -> None:
    script = Script(60, tty=False)

    async def other(peer: Peer, request: Request) -> None:
        if "/json" in request.target:
            await peer.send(answer(b'{"Id":"y","Created":"2999-01-01T00:00:00Z","State":{"Status":"running"}}'))
        else:
            await script(peer, request)

    async with fake_engine(other) as fake, EngineClient(fake.endpoint) as client:
        log = Stream(LastingLog(pinned(client), follow=True, timestamps=False))
        assert (await anext(log)).data == b"one"
        with pytest.raises(NotFoundError, match="another one has its name"):
            await anext(log)
    assert len(script.logs) == 1


@pytest.mark.anyio
async def test_the_engines_own_error_in_a_log_is_raised_behind_the_lines_before_it() -> None:
    async def script(peer: Peer, request: Request) -> None:
        del request
        error = b"Error grabbing logs: broken\n"
        await peer.send(chunked(PIECES[0].framed(fine=True), frame(3, error), end=False))
        await peer.hung_up()

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        log = Stream(LastingLog(pinned(client), follow=True, timestamps=False))
        assert (await anext(log)).data == b"one"
        with pytest.raises(EngineStreamError, match="Error grabbing logs: broken"):
            await anext(log)


@pytest.mark.anyio
async def test_closing_ends_the_wait_for_an_engine_that_is_away(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        async with fake_engine(Script(60, tty=False)) as fake:
            client = EngineClient(fake.endpoint)
            log = following(client)
            assert (await anext(log)).data == b"one"
        async with client, anyio.create_task_group() as tasks:

            async def wait() -> None:
                with suppress(StopAsyncIteration):
                    await anext(log)

            tasks.start_soon(wait)
            await anyio.sleep(0.1)
            await log.aclose()
