"""A log as it is sent once, on an engine that plays scripts."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from clab_runtime import EngineProtocolError, LogLine, Stream
from clab_runtime.engine.client import EngineClient
from clab_runtime.streams.log_source import LogSource
from tests.conftest import NoLeaks
from tests.engine.fake_engine import MULTIPLEXED, answering_once, chunked, fake_engine, frame
from tests.streams.log_bytes import out

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def log_of(reply: bytes, *, tty: bool = False) -> AsyncGenerator[Stream[LogLine]]:
    """Give the log of an engine that answers with this; afterwards nothing of it is open."""
    async with fake_engine(answering_once(reply)) as fake, EngineClient(fake.endpoint) as client:
        async with Stream(LogSource(client.containers.logs("x"), tty=tty)) as log:
            yield log
        assert "0 dedicated" in repr(client)


async def read(reply: bytes, *, tty: bool = False) -> list[LogLine]:
    """Read a log to its end."""
    async with log_of(reply, tty=tty) as log:
        return [line async for line in log]


async def test_an_answer_that_says_it_is_framed_is_so_even_of_a_terminal(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        assert await read(chunked(frame(1, b"one\n"), headers=MULTIPLEXED), tty=True) == [out(b"one")]


@pytest.mark.parametrize("header", [(), ("Content-Type: application/vnd.docker.raw-stream",)])
async def test_an_answer_that_does_not_say_is_as_the_container_is(header: tuple[str, ...]) -> None:
    assert await read(chunked(frame(1, b"one\n"), headers=header)) == [out(b"one")]
    assert await read(chunked(b"one\r\n", headers=header), tty=True) == [out(b"one")]


async def test_a_log_that_breaks_off_is_an_error(no_leaks: NoLeaks) -> None:
    async with no_leaks(), log_of(chunked(frame(1, b"one\n"), headers=MULTIPLEXED, end=False)) as log:
        assert await anext(log) == out(b"one")
        with pytest.raises(EngineProtocolError):
            await anext(log)


async def test_a_log_that_ends_inside_a_frame_is_an_error() -> None:
    async with log_of(chunked(frame(1, b"one\n")[:-1], headers=MULTIPLEXED)) as log:
        with pytest.raises(EngineProtocolError, match="truncated"):
            await anext(log)


async def test_a_log_that_was_never_opened_is_closed_without_a_word(no_leaks: NoLeaks) -> None:
    async with no_leaks(), EngineClient("unix:///nowhere") as client:
        source = LogSource(client.containers.logs("x"), tty=False)
        assert await source.next_batch() is None
        await Stream(source).aclose()
