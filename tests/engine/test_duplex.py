"""Duplex: what an upgrade leaves, with the bytes that came along and an end for each side."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.errors import ConflictError, EngineProtocolError
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, fake_engine

pytestmark = [pytest.mark.anyio, pytest.mark.uvloop]

KIND = b"Content-Type: application/vnd.docker.raw-stream\r\n"
SWITCH = b"HTTP/1.1 101 UPGRADED\r\n" + KIND + b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
OLD = b"HTTP/1.1 200 OK\r\n" + KIND + b"\r\n"

both_ways = pytest.mark.parametrize("head", [SWITCH, OLD], ids=["101", "200"])


@asynccontextmanager
async def opened(head: bytes, *, timeout: float = 30) -> AsyncGenerator[tuple[Duplex, Peer]]:  # noqa: ASYNC109 - the client's
    """Open a duplex through a client; the engine's side is the test's to play."""
    peers: list[Peer] = []
    done = anyio.Event()

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        peers.append(peer)
        await peer.send(head)
        await done.wait()

    async with fake_engine(script) as engine, EngineClient(engine.endpoint, timeout=timeout) as client:
        async with await client.execs.start("e1") as duplex:
            yield duplex, peers[0]
        done.set()
        assert "0 busy" in repr(client)
        assert "0 dedicated" in repr(client)


@both_ways
async def test_bytes_that_came_along_come_first_and_never_more_than_asked_for(head: bytes) -> None:
    async with opened(head + b"hello") as (duplex, peer):
        assert await duplex.receive(2) == b"he"
        assert await duplex.receive(2) == b"ll"
        assert await duplex.receive() == b"o"
        await peer.send(b"more")
        assert await duplex.receive(3) == b"mor"
        assert await duplex.receive(3) == b"e"


@both_ways
async def test_half_close_ends_the_input_while_the_output_goes_on(head: bytes) -> None:
    async with opened(head) as (duplex, peer):
        await duplex.send(b"in")
        await duplex.send_eof()
        assert await peer.receive() == b"in"
        with pytest.raises(EndOfStream):
            await peer.receive()
        await peer.send(b"out")
        assert await duplex.receive() == b"out"
        await peer.hang_up()
        for _ in range(2):
            with pytest.raises(EndOfStream):
                await duplex.receive()


@both_ways
async def test_a_break_is_an_error_and_no_end(head: bytes) -> None:
    async with opened(head) as (duplex, peer):
        await duplex.send(b"never read")
        await peer.hang_up()
        with pytest.raises(EngineProtocolError):
            await duplex.receive()


async def test_sending_to_a_side_that_has_gone_raises() -> None:
    async with opened(SWITCH) as (duplex, peer):
        await peer.hang_up()
        with pytest.raises(BrokenResourceError):
            await duplex.send(b"x")


@both_ways
async def test_closing_ends_both_sides_and_wakes_the_receiver(head: bytes) -> None:
    async with opened(head) as (duplex, peer), anyio.create_task_group() as tasks:

        async def wait() -> None:
            with pytest.raises(ClosedResourceError):
                await duplex.receive()

        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await duplex.aclose()
        await duplex.aclose()
        with pytest.raises(EndOfStream):
            await peer.receive()
        with pytest.raises(ClosedResourceError):
            await duplex.send(b"x")


@both_ways
async def test_a_cancelled_receive_loses_nothing(head: bytes) -> None:
    async with opened(head) as (duplex, peer):
        for number in range(20):
            with anyio.CancelScope() as scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(duplex.receive)
                    await anyio.wait_all_tasks_blocked()
                    scope.cancel()
            await peer.send(b"%d" % number)
            assert await duplex.receive() == b"%d" % number


@both_ways
async def test_the_time_out_of_the_call_does_not_hold_for_the_duplex(head: bytes) -> None:
    async with opened(head, timeout=1) as (duplex, peer):
        with anyio.move_on_after(1.2) as scope:
            await duplex.receive()
        assert scope.cancelled_caught
        await peer.send(b"late")
        assert await duplex.receive() == b"late"


@pytest.mark.parametrize("data", [answer(b"{}"), answer(status="204 No Content"), answer(b"x", status="201 Created")])
async def test_an_answer_that_is_no_upgrade_is_refused(data: bytes, no_leaks: NoLeaks) -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(data)

    async with fake_engine(script) as engine, no_leaks(), EngineClient(engine.endpoint) as client:
        with pytest.raises(EngineProtocolError, match=r"POST /exec/e1/start: .* raw stream"):
            await client.execs.start("e1")
        with pytest.raises(EngineProtocolError):
            await client.containers.attach("c1")


async def test_an_error_status_instead_of_an_upgrade_is_a_typed_error() -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(answer(b'{"message":"not running"}', status="409 Conflict"))

    async with fake_engine(script) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(ConflictError, match="not running"):
            await client.execs.start("e1")


async def test_a_101_that_nobody_asked_for_is_refused() -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(SWITCH + b"raw")
        await peer.hung_up()

    async with fake_engine(script) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(EngineProtocolError):
            await client.containers.start("c1")
        raw = client.containers.logs("c1")
        with pytest.raises(EngineProtocolError):
            await raw.open()
        assert "0 busy" in repr(client)
        assert "0 dedicated" in repr(client)
