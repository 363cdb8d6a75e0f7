"""Stream and RawStream: opening, the end, errors, cancellation, closing, and being left open."""

import gc
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import ClosedResourceError

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import (
    EngineConnectionError,
    EngineProtocolError,
    EngineStreamError,
    NotFoundError,
)
from clab_runtime.stream import Stream
from tests.conftest import leak_check
from tests.engine.fake_engine import Peer, Request, Script, answer, answering, chunk, chunked, fake_engine

pytestmark = [pytest.mark.anyio, pytest.mark.uvloop]

LINES = b'{"status":"a"}\n{"status":"b"}{"status":"c"}\n'


@asynccontextmanager
async def client_of(script: Script) -> AsyncGenerator[EngineClient]:
    """A client of an engine that plays a script; nothing of it may be in use at the end."""
    async with fake_engine(script) as engine, leak_check(), EngineClient(engine.endpoint) as client:
        yield client
        assert "0 busy" in repr(client)
        assert ", 0 dedicated" in repr(client)


def held(*pieces: bytes) -> tuple[Script, anyio.Event]:
    """Send the pieces as chunks, and the end only after the event; or see the client hang up."""
    event = anyio.Event()

    async def finish(peer: Peer, scope: anyio.CancelScope) -> None:
        await event.wait()
        await peer.send(b"0\r\n\r\n")
        scope.cancel()

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(chunked(end=False), *map(chunk, pieces))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(finish, peer, tasks.cancel_scope)
            await peer.hung_up()
            tasks.cancel_scope.cancel()

    return script, event


async def collect(stream: Stream[schema.ProgressLine], seen: list[str]) -> None:
    """Put into `seen` what comes before an error, too."""
    async for line in stream:
        seen.append(line.status)  # noqa: PERF401 - a comprehension would lose it


async def statuses(stream: Stream[schema.ProgressLine]) -> list[str]:
    return [line.status async for line in stream]


# ---------------------------------------------------------------- items


async def test_items_come_in_order_and_the_stream_ends_when_it_is_complete() -> None:
    pieces = [LINES[i : i + 1] for i in range(len(LINES))]
    for data in (chunked(LINES), chunked(*pieces), answer(LINES)):
        async with client_of(answering(data)) as client:
            async with client.images.pull("busybox", "latest") as stream:
                assert await statuses(stream) == ["a", "b", "c"]
                assert await statuses(stream) == []
            assert await statuses(client.images.pull("busybox", "latest")) == ["a", "b", "c"]


async def test_a_stream_sends_nothing_before_it_is_used() -> None:
    async with fake_engine(answering(answer())) as engine, EngineClient(engine.endpoint) as client:
        client.images.pull("busybox", "latest")
        client.containers.logs("c1")
        await anyio.wait_all_tasks_blocked()
        assert engine.connections == 0


async def test_a_stream_that_was_never_opened_may_be_closed() -> None:
    async with client_of(answering(answer())) as client:
        stream = client.images.pull("busybox", "latest")
        await stream.aclose()
        assert await statuses(stream) == []
        await client.containers.logs("c1").aclose()


async def test_a_stream_shows_items_as_they_come() -> None:
    script, go_on = held(b'{"status":"a"}\n')
    async with client_of(script) as client, client.images.pull("busybox", "latest") as stream:
        assert (await anext(stream)).status == "a"
        go_on.set()
        assert await statuses(stream) == []


async def test_a_busy_stream_lets_other_tasks_run() -> None:
    async with client_of(answering(chunked(LINES * 1000))) as client:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(other)
            assert len(await statuses(client.images.pull("busybox", "latest"))) == 3000
            tasks.cancel_scope.cancel()
        assert turns > 1


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    "line",
    [
        b'{"errorDetail":{"message":"no such tag"},"error":"no such tag"}',
        b'{"error":"no such tag"}',
        b'{"errorDetail":{"message":"no such tag"}}',
    ],
)
async def test_an_error_inside_a_200_raises_after_the_items_before_it(line: bytes) -> None:
    async with client_of(answering(chunked(LINES + line + b"\n" + LINES))) as client:
        seen: list[str] = []
        with pytest.raises(EngineStreamError, match="no such tag"):
            await collect(client.images.pull("busybox", "nope"), seen)
        assert seen == ["a", "b", "c"]


async def test_an_error_status_raises_when_the_stream_is_opened() -> None:
    data = answer(b'{"message":"manifest unknown"}', status="404 Not Found")
    async with client_of(answering(data)) as client:
        with pytest.raises(NotFoundError, match="manifest unknown"):
            async with client.images.pull("busybox", "nope"):
                pytest.fail("it must not open")
        with pytest.raises(NotFoundError):
            await anext(client.images.pull("busybox", "nope"))


@pytest.mark.parametrize("data", [chunked(LINES, end=False), chunked(LINES, b"x", end=False)[:-3]])
async def test_a_stream_that_breaks_off_raises_after_the_items_before_it(data: bytes) -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(data)
        await peer.hang_up()

    async with client_of(script) as client:
        seen: list[str] = []
        with pytest.raises(EngineProtocolError, match="truncated"):
            await collect(client.images.pull("busybox", "latest"), seen)
        assert seen == ["a", "b", "c"]


@pytest.mark.parametrize("tail", [b'{"status":', b"<html>", b'{"status":5}\n', b'{"status":"\xff"}\n'])
async def test_a_stream_that_is_not_the_json_expected_raises(tail: bytes) -> None:
    async with client_of(answering(chunked(LINES + tail))) as client:
        stream = client.images.pull("busybox", "latest")
        for expected in "abc":
            assert (await anext(stream)).status == expected
        with pytest.raises(EngineProtocolError):
            await anext(stream)
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


# ---------------------------------------------------------------- cancellation and closing


async def cancelled_after(stream: Stream[schema.ProgressLine], turns: int) -> list[str]:
    """Ask for an item and cancel that after some turns of the event loop; return the item, if it came first."""
    seen: list[str] = []

    async def ask() -> None:
        seen.append((await anext(stream)).status)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    return seen


async def test_a_cancelled_anext_loses_nothing() -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(chunked(end=False))
        for number in range(100):
            for part in (b'{"status":', b'"%d"}' % number):
                await peer.send(chunk(part))
                for _ in range(10):
                    await anyio.lowlevel.checkpoint()
        await peer.send(b"0\r\n\r\n")

    seen: list[str] = []
    cancelled = 0
    async with client_of(script) as client, client.images.pull("busybox", "latest") as stream:
        while len(seen) < 100:
            for turns in range(6):
                came = await cancelled_after(stream, turns) if len(seen) < 100 else []
                cancelled += not came
                seen += came
            if len(seen) < 100:
                seen.append((await anext(stream)).status)
        assert await statuses(stream) == []
    assert seen == [str(number) for number in range(100)]
    assert cancelled > 10


async def test_closing_ends_the_wait_of_another_task() -> None:
    script, _ = held(b'{"status":"a"}')
    async with client_of(script) as client, client.images.pull("busybox", "latest") as stream:
        seen: list[str] = []

        async def consume() -> None:
            seen.extend(await statuses(stream))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consume)
            await anyio.wait_all_tasks_blocked()
            await stream.aclose()
        assert seen in ([], ["a"])


async def test_leaving_a_stream_early_closes_its_connection() -> None:
    script, _ = held(LINES)
    async with fake_engine(script) as engine, leak_check(), EngineClient(engine.endpoint) as client:
        async with client.images.pull("busybox", "latest") as stream:
            assert (await anext(stream)).status == "a"
            assert ", 1 dedicated" in repr(client)
        assert ", 0 dedicated" in repr(client)
        assert await statuses(stream) == []  # what it still had is gone, too


async def test_an_opening_that_is_cancelled_leaves_nothing() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.hung_up()

    async with client_of(script) as client:
        stream = client.images.pull("busybox", "latest")
        for _ in range(3):
            with anyio.move_on_after(0.01) as scope:
                await anext(stream)
            assert scope.cancelled_caught
        with anyio.move_on_after(0.01):
            async with client.images.pull("busybox", "latest"):
                pytest.fail("it must not open")


class Forever:
    """A source that gives items without end and without ever waiting."""

    def __init__(self) -> None:
        self.opened = self.closed = 0

    async def open(self) -> None:
        self.opened += 1

    async def next_batch(self) -> Iterable[int] | None:
        return [1, 2]

    async def aclose(self) -> None:
        self.closed += 1


async def test_a_source_is_opened_once_and_closed_once() -> None:
    source = Forever()
    async with Stream(source) as stream:
        assert [await anext(stream) for _ in range(5)] == [1, 2, 1, 2, 1]
        await stream.aclose()
    assert (source.opened, source.closed) == (1, 1)


async def test_a_stream_left_open_warns_and_names_the_remedy() -> None:
    stream = Stream(Forever())
    assert await anext(stream) == 1
    left = [stream]
    del stream
    with pytest.warns(ResourceWarning, match="unclosed .*Stream.*; use `async with`"):
        left.clear()


async def test_a_stream_never_opened_does_not_warn() -> None:
    stream = Stream(Forever())
    del stream
    gc.collect()


async def test_an_error_of_the_source_that_says_closed_is_no_end_unless_the_stream_was_closed() -> None:
    class Broken(Forever):
        async def next_batch(self) -> Iterable[int] | None:
            raise ClosedResourceError

    source = Broken()
    with pytest.raises(ClosedResourceError):
        await anext(Stream(source))
    assert source.closed == 1


async def test_empty_batches_are_passed_over() -> None:
    class Sparse(Forever):
        batches: list[list[int] | None] = [[], [], [1], [], None]  # noqa: RUF012 - one test's

        async def next_batch(self) -> Iterable[int] | None:
            return self.batches.pop(0)

    async with Stream(Sparse()) as stream:
        assert [item async for item in stream] == [1]


# ---------------------------------------------------------------- raw streams


async def test_a_raw_stream_gives_the_bytes_and_then_none() -> None:
    data = chunked(b"\x01\0\0\0\0\0\0\1x", headers=("Content-Type: application/vnd.docker.raw-stream",))
    async with client_of(answering(data)) as client:
        raw = client.containers.logs("c1")
        assert raw.content_type == ""
        await raw.open()
        assert raw.content_type == "application/vnd.docker.raw-stream"
        assert await raw.receive() == b"\x01\0\0\0\0\0\0\1x"
        assert await raw.receive() == b""
        assert await raw.receive() == b""
        await raw.aclose()
        await raw.aclose()
        with pytest.raises(ClosedResourceError):
            await raw.receive()


async def test_closing_a_raw_stream_ends_the_wait_of_another_task() -> None:
    script, _ = held()
    async with client_of(script) as client:
        raw = client.containers.logs("c1", follow=True)
        await raw.open()

        async def wait() -> None:
            with pytest.raises(ClosedResourceError):
                await raw.receive()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            await raw.aclose()


async def test_a_raw_stream_cancelled_at_any_turn_loses_nothing() -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(chunked(end=False))
        for number in range(100):
            await peer.send(chunk(b"%02d" % number))
            await anyio.lowlevel.checkpoint()
        await peer.send(b"0\r\n\r\n")

    async with client_of(script) as client:
        raw = client.containers.logs("c1", follow=True)
        await raw.open()
        data = b""
        ended = False

        async def ask() -> None:
            nonlocal data, ended
            piece = await raw.receive()
            data += piece
            ended = not piece

        turns = 0
        while not ended:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                for _ in range(turns % 4):
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            turns += 1
        assert data == b"".join(b"%02d" % number for number in range(100))
        await raw.aclose()


async def test_a_raw_stream_left_open_warns() -> None:
    script, _ = held()
    async with fake_engine(script) as engine, EngineClient(engine.endpoint) as client:
        raw = client.containers.logs("c1")
        await raw.open()
        left = [raw]
        del raw
        with pytest.warns(ResourceWarning, match="unclosed"):
            left.clear()


async def test_a_stream_of_an_engine_that_goes_away_raises() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.hang_up()

    async with client_of(script) as client:
        with pytest.raises(EngineConnectionError, match="without an answer"):
            await client.containers.logs("c1").open()
