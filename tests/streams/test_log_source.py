"""A log as it is sent once, on an engine that plays scripts."""

import pytest

from clab_runtime import EngineProtocolError, EngineStreamError, LogLine, Stream
from clab_runtime.engine.client import EngineClient
from clab_runtime.streams.log_source import LogSource
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, chunked, fake_engine, frame
from tests.streams.log_bytes import out


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
        assert await read(chunked(frame(1, b"one\n"), headers=MULTIPLEXED), tty=True) == ([out(b"one")], 0)


@pytest.mark.anyio
@pytest.mark.parametrize("header", [(), ("Content-Type: application/vnd.docker.raw-stream",)])
async def test_an_answer_that_does_not_say_is_as_the_container_is(header: tuple[str, ...]) -> None:
    assert await read(chunked(frame(1, b"one\n"), headers=header)) == ([out(b"one")], 1)
    assert await read(chunked(b"one\r\n", headers=header), tty=True) == ([out(b"one")], 1)


@pytest.mark.anyio
async def test_a_log_that_breaks_off_is_an_error(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        with pytest.raises(EngineProtocolError):
            await read(chunked(frame(1, b"one\n"), headers=MULTIPLEXED, end=False))


@pytest.mark.anyio
async def test_a_log_that_ends_inside_a_frame_is_an_error() -> None:
    with pytest.raises(EngineProtocolError, match="truncated"):
        await read(chunked(frame(1, b"one\n")[:-1], headers=MULTIPLEXED))


@pytest.mark.anyio
async def test_a_container_that_can_not_be_looked_at_leaves_nothing_open(no_leaks: NoLeaks) -> None:
    async def script(peer: Peer, request: Request) -> None:
        if "/logs" in request.target:
            await peer.send(chunked(frame(1, b"one\n"), end=False))
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
