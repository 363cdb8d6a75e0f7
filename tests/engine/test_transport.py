"""EngineTransport: httpx's interface on our own connections, against an engine that plays scripts."""

import random
import re
from collections.abc import AsyncIterator
from typing import cast

import anyio
import httpx
import pytest
from anyio.abc import TaskGroup

from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.raw import Upload
from clab_runtime.engine.transport import DEDICATED, POOL_SIZE, EngineTransport
from clab_runtime.errors import EngineConnectionError, EngineProtocolError
from tests.conftest import NoLeaks
from tests.engine.fake_engine import (
    FakeEngine,
    Peer,
    Request,
    answer,
    answering,
    answering_once,
    chunk,
    chunked,
    fake_engine,
)

pytestmark = [pytest.mark.anyio, pytest.mark.uvloop]

URL = "http://localhost/x"


def request(
    method: str = "GET", *, dedicated: bool = False, timeout: float | None = 10, content: bytes = b""
) -> httpx.Request:
    extensions: dict[str, object] = {"timeout": {"read": timeout}}
    if dedicated:
        extensions[DEDICATED] = True
    return httpx.Request(method, URL, content=content, extensions=extensions)


async def read(response: httpx.Response) -> bytes:
    """Read a body to its end, which gives the connection back; if that is cancelled, it is up to us to close."""
    stream = cast("httpx.AsyncByteStream", response.stream)
    try:
        return b"".join([piece async for piece in stream])
    finally:
        await stream.aclose()


async def read_politely(response: httpx.Response) -> None:
    """Read a body and let other tasks run all along."""
    async for _ in cast("httpx.AsyncByteStream", response.stream):
        await anyio.lowlevel.checkpoint()


async def close(response: httpx.Response) -> None:
    await cast("httpx.AsyncByteStream", response.stream).aclose()


async def call(
    transport: EngineTransport, *, method: str = "GET", dedicated: bool = False, limit: float | None = 10
) -> bytes:
    asked = request(method, dedicated=dedicated, timeout=limit)
    return await read(await transport.handle_async_request(asked))


def state(transport: EngineTransport) -> tuple[int, int, int]:
    """Read busy, idle and dedicated off the repr."""
    match = re.search(r"(\d+) busy, (\d+) idle, (\d+) dedicated", repr(transport))
    assert match is not None
    return int(match[1]), int(match[2]), int(match[3])


async def quiet(peer: Peer, _request: Request) -> None:
    """Take a request and never answer."""
    await peer.hung_up()


# ---------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        (answer(b"hello"), 200, b"hello"),
        (chunked(b"he", b"llo"), 200, b"hello"),
        (chunked(), 200, b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 304 Not Modified\r\n\r\n", 304, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + answer(b"x"), 200, b"x"),
        (answer(b"no", status="404 Not Found"), 404, b"no"),
    ],
)
async def test_an_answer_is_read_and_its_connection_used_again(data: bytes, status: int, body: bytes) -> None:
    async with fake_engine(answering(data)) as engine:
        transport = EngineTransport(engine.endpoint)
        for _ in range(3):
            response = await transport.handle_async_request(request())
            assert response.status_code == status
            assert await read(response) == body
        assert engine.connections == 1
        assert state(transport) == (0, 1, 0)
        await transport.aclose()
        assert state(transport) == (0, 0, 0)


@pytest.mark.parametrize("data", [answer(b"hello"), chunked(b"he", b"llo")], ids=["fixed", "chunked"])
async def test_an_answer_cut_off_at_any_byte_raises_and_frees_the_slot(data: bytes, no_leaks: NoLeaks) -> None:
    cuts = iter(range(len(data) - 1))

    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(data[: next(cuts)])
        await peer.hang_up()

    async with fake_engine(script) as engine, no_leaks():
        transport = EngineTransport(engine.endpoint, pool_size=1)
        for at in range(len(data) - 1):
            with pytest.raises(EngineProtocolError if at else EngineConnectionError):
                await call(transport)
            assert state(transport) == (0, 0, 0)
        await transport.aclose()


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n", b"\0" * 100, b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000])
async def test_what_is_no_answer_raises_and_frees_the_slot(data: bytes) -> None:
    async with fake_engine(answering_once(data)) as engine:
        transport = EngineTransport(engine.endpoint, pool_size=1)
        for _ in range(2):
            with pytest.raises(EngineProtocolError):
                await call(transport)
        assert state(transport) == (0, 0, 0)
        await transport.aclose()


async def test_headers_are_ordinary_headers_of_httpx() -> None:
    async with fake_engine(answering(answer(b"x", "X-Two: 2", "X-Two: 3"))) as engine:
        transport = EngineTransport(engine.endpoint)
        response = await transport.handle_async_request(request())
        assert response.headers["content-length"] == "1"
        assert response.headers.get("x-two") == "2, 3"
        assert response.headers.get("x-none") is None
        assert list(response.headers) == ["x-two", "content-length"]
        assert await read(response) == b"x"
        await transport.aclose()


async def test_httpx_own_client_works_on_the_transport() -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(answer(b'{"got":"' + request.body + b'"}', "Content-Type: application/json"))

    async with fake_engine(script) as engine:
        async with httpx.AsyncClient(transport=EngineTransport(engine.endpoint)) as client:
            assert (await client.post("http://localhost/a?b=c", content=b"hi")).json() == {"got": "hi"}
            response = await client.post(
                "http://localhost/", content=pieces(b"a", b"b"), headers={"Content-Length": "2"}
            )
            assert response.json() == {"got": "ab"}
            async with client.stream("GET", "http://localhost/") as stream:
                assert await stream.aread() == b'{"got":""}'
        assert [item.target for item in engine.requests] == ["/a?b=c", "/", "/"]
        assert engine.requests[1].headers["content-length"] == "2"
        assert engine.connections == 1


async def pieces(*items: bytes) -> AsyncIterator[bytes]:
    for item in items:
        yield item


async def test_head_has_no_body_and_its_connection_is_used_again() -> None:
    async with fake_engine(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as engine:
        transport = EngineTransport(engine.endpoint)
        assert await call(transport, method="HEAD") == b""
        assert await call(transport, method="HEAD") == b""
        assert engine.connections == 1
        await transport.aclose()


# ---------------------------------------------------------------- which connection serves whom


@pytest.mark.parametrize(
    "data",
    [
        answer(b"x", "Connection: close"),
        answer(b"x").replace(b"1.1", b"1.0", 1),
        answer(b"x") + answer(status="500 Not yours"),
    ],
    ids=["close", "HTTP/1.0", "surplus"],
)
async def test_a_connection_that_can_not_go_on_is_closed(data: bytes) -> None:
    async with fake_engine(answering(data)) as engine:
        transport = EngineTransport(engine.endpoint)
        for _ in range(2):
            assert await call(transport) == b"x"
        assert engine.connections == 2
        assert state(transport) == (0, 0, 0)
        await transport.aclose()


async def test_surplus_bytes_that_come_late_are_never_the_next_answer() -> None:
    sent = anyio.Event()

    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(answer(b"mine"))
        if not sent.is_set():
            await peer.send(answer(b"nobody's"))
            sent.set()

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint)
        for _ in range(2):
            assert await call(transport) == b"mine"
            await sent.wait()
        await transport.aclose()


async def test_an_idle_connection_that_the_engine_closed_is_not_used() -> None:
    async with fake_engine(answering_once(answer(b"x"))) as engine:
        transport = EngineTransport(engine.endpoint)
        for _ in range(3):
            assert await call(transport) == b"x"
            while engine.open:
                await anyio.lowlevel.checkpoint()
        assert engine.connections == 3
        await transport.aclose()


async def test_a_response_closed_before_its_end_closes_the_connection() -> None:
    async with fake_engine(answering(chunked(b"a", end=False))) as engine:
        transport = EngineTransport(engine.endpoint)
        response = await transport.handle_async_request(request())
        assert state(transport) == (1, 0, 0)
        await close(response)
        await close(response)
        assert state(transport) == (0, 0, 0)
        assert await read(response) == b""
        await transport.aclose()


async def test_streams_never_take_a_slot_of_unary_calls(no_leaks: NoLeaks) -> None:
    calls = iter(range(1000))

    async def script(peer: Peer, _request: Request) -> None:
        data = chunked(b"line", end=False) if next(calls) < 100 else answer(b"x")
        await peer.send(data)

    async with fake_engine(script) as engine, no_leaks():
        transport = EngineTransport(engine.endpoint, pool_size=2)
        streams = [await transport.handle_async_request(request(dedicated=True, timeout=None)) for _ in range(100)]
        assert state(transport) == (0, 0, 100)
        with anyio.fail_after(10):
            for _ in range(20):
                assert await call(transport) == b"x"
        assert state(transport) == (0, 1, 100)
        for stream in streams:
            await close(stream)
        assert state(transport) == (0, 1, 0)
        await transport.aclose()


async def test_a_dedicated_connection_is_closed_even_after_a_whole_answer() -> None:
    async with fake_engine(answering(answer(b"x"))) as engine:
        transport = EngineTransport(engine.endpoint)
        for _ in range(2):
            assert await call(transport, dedicated=True) == b"x"
        assert engine.connections == 2
        assert state(transport) == (0, 0, 0)
        await transport.aclose()


async def test_no_more_connections_than_the_pool_has_however_many_call() -> None:
    async with fake_engine(answering(answer(b"x"))) as engine:
        transport = EngineTransport(engine.endpoint)
        async with anyio.create_task_group() as tasks:
            for _ in range(10 * POOL_SIZE):
                tasks.start_soon(call, transport)
        assert len(engine.requests) == 10 * POOL_SIZE
        assert engine.connections <= POOL_SIZE
        assert state(transport)[0] == 0
        await transport.aclose()


# ---------------------------------------------------------------- time


async def test_a_unary_call_is_bounded_before_the_head_and_inside_the_body(no_leaks: NoLeaks) -> None:
    for data in (b"", b"HTTP/1.1 200 OK\r\n", chunked(b"a", end=False)):

        async def script(peer: Peer, request: Request, data: bytes = data) -> None:
            await peer.send(data)
            await quiet(peer, request)

        async with fake_engine(script) as engine, no_leaks():
            transport = EngineTransport(engine.endpoint)
            with pytest.raises(TimeoutError):
                await call(transport, limit=0.03)
            assert state(transport) == (0, 0, 0)
            await transport.aclose()


async def test_an_engine_that_dribbles_is_bounded_all_the_same() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(chunked(end=False))
        while True:
            await peer.send(chunk(b"."))
            await anyio.sleep(0.005)

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint)
        with anyio.fail_after(5), pytest.raises(TimeoutError):
            await call(transport, limit=0.05)
        await transport.aclose()


async def test_an_engine_that_sends_without_end_is_bounded_all_the_same() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(chunked(end=False))
        while True:
            await peer.send(chunk(b"." * 60_000))

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint)
        response = await transport.handle_async_request(request(timeout=0.5))
        try:
            with anyio.move_on_after(3) as scope, pytest.raises(TimeoutError):
                await read_politely(response)
        finally:
            await close(response)
        assert not scope.cancelled_caught
        await transport.aclose()


async def test_waiting_for_a_slot_does_not_count_against_the_engine() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await anyio.sleep(0.3)
        await peer.send(answer(b"x"))

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint, pool_size=1)
        async with anyio.create_task_group() as tasks:
            for _ in range(6):
                tasks.start_soon(lambda: call(transport, limit=1.5))  # less than all of them take
        await transport.aclose()


async def test_a_stream_is_not_bounded() -> None:
    go_on = anyio.Event()

    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(chunked(b"a", end=False))
        await go_on.wait()
        await peer.send(chunk(b"b"), b"0\r\n\r\n")

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint)
        response = await transport.handle_async_request(request(dedicated=True, timeout=None))
        stream = cast("httpx.AsyncByteStream", response.stream)
        iterator = aiter(stream)
        assert await anext(iterator) == b"a"
        with anyio.move_on_after(0.1) as scope:
            await anext(iterator)
        assert scope.cancelled_caught
        go_on.set()
        assert [piece async for piece in stream] == [b"b"]
        await transport.aclose()


# ---------------------------------------------------------------- cancellation


async def test_a_cancelled_call_closes_its_connection_and_frees_its_slot(no_leaks: NoLeaks) -> None:
    async with fake_engine(quiet) as engine, no_leaks():
        transport = EngineTransport(engine.endpoint, pool_size=1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call, transport)
            await anyio.wait_all_tasks_blocked()
            assert state(transport) == (1, 0, 0)
            tasks.cancel_scope.cancel()
        assert state(transport) == (0, 0, 0)
        while engine.open:
            await anyio.lowlevel.checkpoint()
        await transport.aclose()


async def test_callers_cancelled_while_the_pool_is_full_lose_no_slot() -> None:
    release = anyio.Event()

    async def script(peer: Peer, _request: Request) -> None:
        await release.wait()
        await peer.send(answer(b"x"))

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint, pool_size=2)
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(call, transport)
            await anyio.wait_all_tasks_blocked()
            async with anyio.create_task_group() as waiters:
                for _ in range(20):
                    waiters.start_soon(call, transport)
                await anyio.wait_all_tasks_blocked()
                assert state(transport) == (2, 0, 0)
                waiters.cancel_scope.cancel()
            release.set()
        assert state(transport) == (0, 2, 0)
        for _ in range(5):
            assert await call(transport) == b"x"
        await transport.aclose()


@pytest.mark.parametrize("dedicated", [False, True], ids=["unary", "dedicated"])
async def test_a_storm_of_calls_cancelled_at_random_moments_leaves_nothing(
    no_leaks: NoLeaks, *, dedicated: bool
) -> None:
    rng = random.Random(7)  # the same storm in every run

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        data = chunked(*[b"x" * rng.randrange(1, 3000)] * 3)
        for _ in range(rng.randrange(3)):
            await anyio.lowlevel.checkpoint()
        at = rng.randrange(len(data))
        await peer.send(data[:at])
        for _ in range(rng.randrange(3)):
            await anyio.lowlevel.checkpoint()
        await peer.send(data[at:])

    async with fake_engine(script) as engine, no_leaks():
        transport = EngineTransport(engine.endpoint, pool_size=5)
        await _storm(transport, rng, dedicated=dedicated)
        busy, _, streams = state(transport)
        assert (busy, streams) == (0, 0)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                for _ in range(50):
                    tasks.start_soon(call, transport)
        await transport.aclose()
        assert state(transport) == (0, 0, 0)
        await _all_hung_up(engine)


async def _storm(transport: EngineTransport, rng: random.Random, *, dedicated: bool) -> None:
    """Make 400 calls, 20 at a time, and cancel each after a random number of turns of the event loop."""

    async def one(scope: anyio.CancelScope) -> None:
        with scope:
            if rng.random() < 0.3:
                upload = httpx.Request("PUT", URL, stream=Upload(pieces(b"a" * 1000, b"b")), extensions=extensions)
                upload.headers["Transfer-Encoding"] = "chunked"
                await read(await transport.handle_async_request(upload))
            else:
                await call(transport, dedicated=dedicated)

    async def worker(tasks: TaskGroup) -> None:
        for _ in range(20):
            scope = anyio.CancelScope()
            tasks.start_soon(one, scope)
            for _ in range(rng.randrange(12)):
                await anyio.lowlevel.checkpoint()
            scope.cancel()

    extensions: dict[str, object] = {"timeout": {"read": None}, **({DEDICATED: True} if dedicated else {})}
    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(worker, tasks)


async def _all_hung_up(engine: FakeEngine) -> None:
    """Wait until the engine has seen the end of every connection."""
    with anyio.fail_after(10):
        while engine.open:
            await anyio.lowlevel.checkpoint()


# ---------------------------------------------------------------- the rest


async def test_an_engine_that_is_not_there_raises_and_frees_the_slot() -> None:
    transport = EngineTransport(EngineEndpoint(scheme="unix", path="/nowhere/engine.sock"), pool_size=1)
    for _ in range(3):
        with pytest.raises(EngineConnectionError, match="there is no such socket"):
            await call(transport)
    assert state(transport) == (0, 0, 0)
    await transport.aclose()


async def test_only_a_dedicated_request_for_an_upgrade_gets_a_duplex_out_of_a_200() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nraw")
        await peer.hang_up()

    async with fake_engine(script) as engine:
        transport = EngineTransport(engine.endpoint)
        asked = request("POST", dedicated=True)
        asked.headers["Upgrade"] = "tcp"
        response = await transport.handle_async_request(asked)
        duplex = response.extensions["network_stream"]
        assert isinstance(duplex, Duplex)
        assert await duplex.receive() == b"raw"
        await duplex.aclose()
        response = await transport.handle_async_request(request("POST", dedicated=True))
        assert "network_stream" not in response.extensions
        assert await read(response) == b"raw"
        await transport.aclose()


async def test_an_upload_through_a_full_early_error_gives_the_slot_back(no_leaks: NoLeaks) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000

    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(answer(b"no", status="400 Bad Request"))
        await peer.hung_up()

    async with fake_engine(script) as engine, no_leaks():
        transport = EngineTransport(engine.endpoint)
        upload = httpx.Request("PUT", URL, stream=Upload(endless()), headers={"Transfer-Encoding": "chunked"})
        response = await transport.handle_async_request(upload)
        assert (response.status_code, await read(response)) == (400, b"no")
        assert state(transport) == (0, 0, 0)
        await transport.aclose()
