"""The proxy that the tests of faults stand on: it passes on faithfully, and breaks what it is told to break."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
import pytest
from anyio import BrokenResourceError, EndOfStream
from anyio.lowlevel import checkpoint

from clab_runtime import EngineConnectionError, EngineProtocolError, EventAction
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.unix import UnixStream, connect_unix
from tests.conftest import NoLeaks
from tests.contract.lab import LIMIT, Lab, runtime_for, within
from tests.engine.fake_engine import PING, Peer, Request, answer, answering, chunk, chunked, fake_engine
from tests.faults.heads import Requests
from tests.faults.proxy import EVENTS, LOGS, Proxy, open_proxy

pytestmark = pytest.mark.anyio

GET = b"GET /events HTTP/1.1\r\nHost: x\r\n\r\n"
EVENT = b'{"id":"a"}\n'
BEGUN = chunked(EVENT, end=False)
"""An answer that goes on: its first event."""
NEXT = chunk(EVENT)


class Events:
    """A scripted engine with one stream of events: another one at every `more`, when all have been read."""

    def __init__(self) -> None:
        self._turn = anyio.Semaphore(0)

    def more(self) -> None:
        self._turn.release()

    async def __call__(self, peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(BEGUN)
        while True:
            await self._turn.acquire()
            await peer.send(NEXT)


@asynccontextmanager
async def scripted(script: Events) -> AsyncGenerator[tuple[Proxy, RawStream]]:
    """Stand between a client and a scripted engine, whose stream of events is ready to be opened."""
    async with (
        fake_engine(script) as engine,
        open_proxy(f"unix://{engine.path}") as proxy,
        EngineClient(proxy.endpoint) as client,
    ):
        await client.info()
        stream = client.stream("GET", "/events")
        try:
            yield proxy, stream
        finally:
            await stream.aclose()


@asynccontextmanager
async def asked(script: Events) -> AsyncGenerator[tuple[Proxy, UnixStream]]:
    """Stand between a scripted engine and somebody who is about to ask it for its events, byte by byte."""
    async with (
        fake_engine(script) as engine,
        open_proxy(f"unix://{engine.path}") as proxy,
        await connect_unix(proxy.endpoint.removeprefix("unix://")) as client,
    ):
        yield proxy, client


async def to_the_end(client: UnixStream) -> bytes:
    """Read what comes until the connection ends."""
    data = b""
    with anyio.fail_after(LIMIT), suppress(EndOfStream, BrokenResourceError):
        while True:
            data += await client.receive()
    return data


def test_requests_are_told_apart_however_they_are_cut() -> None:
    data = (
        b"GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n"
        b"POST /v1.41/containers/create?name=a HTTP/1.1\r\nContent-Length: 11\r\n\r\nGET / HTTP/"
        b"PUT /v4.0.0/libpod/containers/a/archive?x=/v1 HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nabcde\r\n1a;x=y\r\nGET /b HTTP/1.1\r\n\r\nabcdefg\r\n0\r\n\r\n"
        b"POST /v1.41/exec/a/start HTTP/1.1\r\nUpgrade: tcp\r\nContent-Length: 2\r\n\r\n{}GET /c HTTP/1.1\r\n\r\n"
    )
    expected = ["GET /_ping", "POST /containers/create", "PUT /libpod/containers/a/archive", "POST /exec/a/start"]
    for size in (1, 2, 7, 50, len(data)):
        requests = Requests()
        assert [what for at in range(0, len(data), size) for what in requests.feed(data[at : at + size])] == expected


@pytest.mark.parametrize("size", [1, len(BEGUN) - 3, len(BEGUN)])
async def test_an_answer_is_cut_after_so_many_bytes(no_leaks: NoLeaks, size: int) -> None:
    async with no_leaks(), asked(Events()) as (proxy, client):
        proxy.cut_after(size, EVENTS)
        await client.send(GET)
        assert await to_the_end(client) == BEGUN[:size]


async def test_an_answer_under_way_is_truncated(no_leaks: NoLeaks) -> None:
    script = Events()
    async with no_leaks(), asked(script) as (proxy, client):
        await client.send(GET)
        assert await within(client.receive) == BEGUN
        assert proxy.truncate(7, LOGS) == 0
        assert proxy.truncate(len(NEXT) + 7, EVENTS) == 1
        for _ in range(3):
            script.more()
        assert await to_the_end(client) == NEXT + NEXT[:7]


async def test_a_connection_is_cut_at_once(no_leaks: NoLeaks) -> None:
    async with no_leaks(), asked(Events()) as (proxy, client):
        await client.send(GET)
        assert await within(client.receive) == BEGUN
        assert (proxy.cut(LOGS), proxy.cut(EVENTS)) == (0, 1)
        assert await to_the_end(client) == b""


async def test_chosen_bytes_are_flipped_once(no_leaks: NoLeaks) -> None:
    body = b"0123456789"
    start = len(answer(body)) - len(body)
    async with (
        no_leaks(),
        fake_engine(answering(answer(body))) as engine,
        open_proxy(f"unix://{engine.path}") as proxy,
        EngineClient(proxy.endpoint) as client,
    ):
        proxy.corrupt({start + 1, start + 9}, "GET /x")
        assert await client.call("GET", "/y") == body
        assert await client.call("GET", "/x") == b"0\xce2345678\xc6"
        assert await client.call("GET", "/x") == body
        proxy.corrupt({0}, "GET /x")
        with pytest.raises(EngineProtocolError):
            await client.call("GET", "/x")


async def test_a_stalled_answer_goes_on_where_it_stopped(no_leaks: NoLeaks) -> None:
    script = Events()
    async with no_leaks(), scripted(script) as (proxy, stream):
        await stream.open()
        assert await within(stream.receive) == EVENT
        with proxy.stalled(EVENTS):
            script.more()
            with anyio.move_on_after(0.1) as waited:
                await stream.receive()
            assert waited.cancelled_caught
        assert await within(stream.receive) == EVENT


async def test_pieces_arrive_one_by_one(no_leaks: NoLeaks) -> None:
    script = Events()
    async with no_leaks(), scripted(script) as (proxy, stream):
        with proxy.split(1, EVENTS):
            await stream.open()
            read = b""
            pieces = 0
            while read != 2 * EVENT:
                if read == EVENT:
                    script.more()
                read += await within(stream.receive)
                pieces += 1
        assert pieces > 2, "no piece came by itself"


async def test_lines_are_noted_when_they_pass(no_leaks: NoLeaks) -> None:
    script = Events()
    async with no_leaks(), scripted(script) as (proxy, stream):
        proxy.note_lines()
        await stream.open()
        script.more()
        while len(proxy.lines) < 2:
            await within(stream.receive)
        assert [line.data for line in proxy.lines] == [EVENT.strip()] * 2
        assert 0 < proxy.lines[0].at <= proxy.lines[1].at
        assert {line.connection for line in proxy.lines} == {connection.number for connection in proxy.open(EVENTS)}


async def test_one_who_is_away_refuses_and_comes_back(no_leaks: NoLeaks) -> None:
    async with (
        no_leaks(),
        fake_engine(answering(PING)) as engine,
        open_proxy(f"unix://{engine.path}") as proxy,
        EngineClient(proxy.endpoint) as client,
    ):
        await client.call("GET", "/x")
        async with proxy.away():
            with pytest.raises(EngineConnectionError):
                await client.call("GET", "/x")
            assert proxy.open() == []
        await client.call("GET", "/x")
        assert proxy.requests == {"GET /_ping": 1, "GET /x": 2}
        assert proxy.connections == 2


async def test_an_engine_behind_that_is_gone_is_a_connection_that_ends(no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_proxy("unix:///nonexistent/engine.sock") as proxy, EngineClient(proxy.endpoint) as one:
        with pytest.raises(EngineConnectionError, match="without an answer"):
            await one.info()
        assert proxy.connections == 1


async def test_a_real_engine_is_passed_on_faithfully(lab: Lab, no_leaks: NoLeaks) -> None:
    """Unary calls, a stream, and an upgraded connection, all of it in small pieces."""
    name = await lab.up("r1", "sh -c 'seq 1 200; sleep 100000'")
    async with no_leaks(), open_proxy(lab.engine.endpoint) as proxy:
        runtime = runtime_for(lab.engine, proxy.endpoint)
        with proxy.split(7):
            await runtime.init()
            async with runtime.stream_logs(name) as log:
                for number in range(1, 201):
                    assert (await within(log.__anext__)).data == b"%d" % number
                assert len(proxy.open(LOGS)) == 1
            async with runtime.stream_events() as events:
                await lab.up("r2")
                while (await within(events.__anext__)).action != EventAction.START:
                    pass
        await runtime.aclose()
        assert proxy.asked(EVENTS) == proxy.asked(LOGS) == 1
        with anyio.fail_after(LIMIT):
            while proxy.open():
                await checkpoint()
