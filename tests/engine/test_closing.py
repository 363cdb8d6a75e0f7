"""What is under way when its client is closed: what has no limit of time ends by an error, the rest goes on."""

import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import anyio
import anyio.lowlevel
import pytest

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import EngineConnectionError
from tests.conftest import NoLeaks
from tests.contract.lab import cancelled
from tests.engine.fake_engine import FakeEngine, Peer, Request, answer, chunked, fake_engine

pytestmark = [pytest.mark.anyio, pytest.mark.uvloop]

CLOSED = "this client has been closed"
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
MEGABYTE = bytes(1024 * 1024)


async def going_on(peer: Peer, request: Request) -> None:
    """Answer by a stream that goes on, or not at all."""
    if request.method == "PUT" or request.target.endswith("/wait?condition=not-running"):
        await anyio.sleep_forever()
    await peer.body(request)
    if request.target.endswith("/start"):
        await peer.send(UPGRADED)
        await anyio.sleep_forever()
    if "late" not in request.target:
        await peer.send(chunked(b"a", end=False))
    await peer.hung_up()


async def without_end() -> AsyncIterator[bytes]:
    while True:
        yield MEGABYTE


async def send_without_end(client: EngineClient) -> None:
    async with await client.execs.start("e1") as duplex:
        while True:
            await duplex.send(MEGABYTE)


async def receive(client: EngineClient) -> None:
    async with await client.execs.start("e1") as duplex:
        await duplex.receive()


async def read(client: EngineClient, name: str = "x") -> None:
    raw = client.containers.logs(name)
    try:
        await raw.open()
        while await raw.receive():
            pass
    finally:
        await raw.aclose()


Use: TypeAlias = Callable[[EngineClient], Awaitable[object]]
USES: dict[str, Use] = {
    "a stream": read,
    "a stream that has not begun": lambda client: read(client, "late"),
    "a duplex that receives": receive,
    "a duplex that sends": send_without_end,
    "an upload": lambda client: client.containers.put_archive("x", "/", without_end()),
    "a wait": lambda client: client.containers.wait("x"),
}


async def blocked(client: EngineClient) -> None:
    """Return once all that has been begun waits for the engine, and the engine for us."""
    while "1 dedicated" not in repr(client):  # noqa: ASYNC110 - it is about what nothing tells of
        await anyio.sleep(0.001)
    await anyio.wait_all_tasks_blocked()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_what_has_no_limit_of_time_ends_by_an_error_that_says_so(use: Use, no_leaks: NoLeaks) -> None:
    said: list[str] = []

    async def run() -> None:
        try:
            await use(client)
        except EngineConnectionError as exc:
            said.append(exc.problem)

    async with no_leaks(), fake_engine(going_on) as engine:
        client = EngineClient(engine.endpoint)
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                await blocked(client)
                await client.aclose()
        assert "0 dedicated" in repr(client)
    assert [CLOSED in words for words in said] == [True]


async def test_a_call_that_has_a_limit_of_time_goes_on_to_its_end(no_leaks: NoLeaks) -> None:
    asked, closed = anyio.Event(), anyio.Event()
    answers: list[bytes] = []

    async def slow(peer: Peer, request: Request) -> None:
        await peer.body(request)
        asked.set()
        await closed.wait()
        await peer.send(answer(b"{}"))

    async def call() -> None:
        answers.append(await client.call("GET", "/x"))

    async with no_leaks(), fake_engine(slow) as engine, anyio.create_task_group() as tasks:
        client = EngineClient(engine.endpoint)
        tasks.start_soon(call)
        await asked.wait()
        await client.aclose()
        closed.set()
    assert answers == [b"{}"]


async def all_hung_up(engine: FakeEngine) -> None:
    with anyio.fail_after(5):
        while engine.open:  # noqa: ASYNC110 - nothing tells the test
            await anyio.sleep(0.001)


async def test_a_stream_that_nobody_reads_has_no_connection_any_more(no_leaks: NoLeaks) -> None:
    async with no_leaks(), fake_engine(going_on) as engine:
        client = EngineClient(engine.endpoint)
        raw = client.containers.logs("x")
        await raw.open()
        await client.aclose()
        await all_hung_up(engine)
        assert await raw.receive() == b"a"  # it had come along with the head
        with pytest.raises(EngineConnectionError, match=CLOSED):
            await raw.receive()
        await raw.aclose()


async def test_a_stream_that_is_dropped_has_no_connection_though_the_client_is_open() -> None:
    async with fake_engine(going_on) as engine, EngineClient(engine.endpoint) as client:
        raw = client.containers.logs("x")
        await raw.open()
        await client.containers.logs("x").aclose()
        with pytest.warns(ResourceWarning, match="unclosed"):  # noqa: PT031 - it is about dropping it
            del raw
            gc.collect()
        while engine.open > 1:  # noqa: ASYNC110 - nothing tells the test; one is for calls
            await anyio.sleep(0.001)


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_closing_that_is_cancelled_ends_all_streams_all_the_same(no_leaks: NoLeaks, *, natively: bool) -> None:
    async with no_leaks(), fake_engine(going_on) as engine:
        client = EngineClient(engine.endpoint)
        streams = [client.containers.logs("x") for _ in range(10)]
        for raw in streams:
            await raw.open()
        await cancelled(client.aclose, anyio.lowlevel.checkpoint, natively=natively)
        await all_hung_up(engine)
        for raw in streams:
            await raw.aclose()


async def test_a_pause_between_two_calls_lasts_so_long_as_it_is_told_or_until_the_client_is_closed() -> None:
    client = EngineClient("unix:///nowhere")
    await client.pause(0)
    await client.pause(0.01)
    async with anyio.create_task_group() as tasks:

        async def pause() -> None:
            with anyio.fail_after(5), pytest.raises(EngineConnectionError, match=CLOSED):
                await client.pause(3600)

        tasks.start_soon(pause)
        await anyio.wait_all_tasks_blocked()
        await client.aclose()
    with pytest.raises(EngineConnectionError, match=CLOSED):
        await client.pause(0)
