"""Connection: one exchange over a real socket pair, with an engine that does what it should not."""

import math
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from contextlib import aclosing

import anyio
import pytest
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream

from clab_runtime.engine.connection import Connection
from clab_runtime.engine.http1 import request_head
from clab_runtime.errors import EngineConnectionError, EngineProtocolError, InvalidValueError
from tests.engine.fake_engine import Peer, Request, answer, chunk, chunked, pair

pytestmark = [pytest.mark.anyio, pytest.mark.uvloop]

GET = request_head("GET", b"/x", [])
POST = request_head("POST", b"/x", [(b"Transfer-Encoding", b"chunked")])
PUT = request_head("PUT", b"/x", [(b"Content-Length", b"6")])


def make() -> tuple[Connection, Peer]:
    stream, peer = pair()
    return Connection(stream, "unix:///fake"), peer


async def body_of(connection: Connection) -> bytes:
    data = b""
    while piece := await connection.receive():
        data += piece
    return data


async def ask(connection: Connection) -> bytes:
    """Send a request and read the answer to its end."""
    await connection.exchange(GET, b"")
    return await body_of(connection)


async def pieces(*items: bytes) -> AsyncIterator[bytes]:
    for item in items:
        yield item


class Endless:
    """A body that goes on until somebody stops it; not a generator, as nobody would close that."""

    def __init__(self, piece: bytes = b"x" * 65536) -> None:
        self.piece = piece
        self.taken = 0

    def __aiter__(self) -> "Endless":
        return self

    async def __anext__(self) -> bytes:
        self.taken += 1
        return self.piece


async def exchange(
    peer_does: Callable[[Peer], Coroutine[None, None, None]], content: AsyncIterable[bytes], length: int | None = None
) -> Connection:
    """Send a streamed body while the engine does something; return the connection as it is then."""
    connection, peer = make()
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(peer_does, peer)
            with anyio.fail_after(10):
                await connection.exchange_streamed(POST if length is None else PUT, content, length)
    except ExceptionGroup as group:
        await connection.aclose()
        await peer.hang_up()
        raise group.exceptions[0] from None
    await peer.hang_up()
    return connection


# ---------------------------------------------------------------- bodies in memory


async def test_an_exchange_leaves_the_head_in_the_parser_and_the_body_to_receive() -> None:
    connection, peer = make()
    await peer.send(answer(b"hello", "X-A: b"))
    await connection.exchange(GET, b"body")
    assert (connection.parser.status, connection.parser.headers[0]) == (200, (b"X-A", b"b"))
    assert await body_of(connection) == b"hello"
    assert connection.reusable
    assert await peer.receive() == GET + b"body"
    await connection.aclose()
    await peer.hung_up()


async def test_one_exchange_follows_the_other() -> None:
    connection, peer = make()
    for number in range(3):
        await peer.send(chunked(b"%d" % number))
        await connection.exchange(GET, b"")
        assert await body_of(connection) == b"%d" % number
        assert connection.reusable
    await connection.aclose()
    await peer.hang_up()


async def test_a_connection_is_not_reusable_before_the_body_has_come() -> None:
    connection, peer = make()
    await peer.send(chunked(b"a", end=False))
    await connection.exchange(GET, b"")
    assert await connection.receive() == b"a"
    assert not connection.reusable
    await connection.aclose()
    await peer.hang_up()


@pytest.mark.parametrize("data", [answer(b"hello"), chunked(b"he", b"llo")], ids=["fixed", "chunked"])
async def test_an_answer_cut_off_at_any_byte_raises(data: bytes) -> None:
    for at in range(len(data) - 1):
        connection, peer = make()
        await peer.send(data[:at])
        await peer.hang_up()
        expected = EngineProtocolError if at else EngineConnectionError
        with pytest.raises(expected) as caught:
            await ask(connection)
        assert "unix:///fake" in str(caught.value) or at
        assert not connection.reusable
        await connection.aclose()


async def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    connection, peer = make()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await peer.hang_up()
    await connection.exchange(GET, b"")
    assert await body_of(connection) == b"abc"
    assert not connection.reusable
    await connection.aclose()


async def test_an_engine_that_hangs_up_while_reading_may_still_have_answered() -> None:
    connection, peer = make()
    await peer.send(answer(b"too much", status="413 No"))
    await peer.hang_up()
    await connection.exchange(GET, b"x" * 10_000_000)
    assert connection.parser.status == 413
    assert await body_of(connection) == b"too much"
    assert not connection.reusable
    await connection.aclose()


async def test_the_deadline_bounds_every_wait() -> None:
    connection, peer = make()
    connection.set_deadline(time.monotonic() + 0.02)
    with pytest.raises(TimeoutError):
        await connection.exchange(GET, b"")
    with pytest.raises(TimeoutError):
        await connection.exchange(GET, b"x" * 10_000_000)
    connection.set_deadline(math.inf)
    await connection.aclose()
    await peer.hang_up()


# ---------------------------------------------------------------- streamed bodies


async def read_then_answer(peer: Peer) -> None:
    request = await peer.head()
    await peer.send(answer(await peer.body(request)))


@pytest.mark.parametrize("items", [(), (b"",), (b"abc", b"", b"def")])
async def test_a_streamed_body_goes_out_chunked_and_empty_pieces_do_not_end_it(items: tuple[bytes, ...]) -> None:
    connection = await exchange(read_then_answer, pieces(*items))
    assert await body_of(connection) == b"".join(items)
    assert connection.reusable
    await connection.aclose()


async def test_a_streamed_body_of_known_length_goes_out_as_it_is() -> None:
    connection = await exchange(read_then_answer, pieces(b"abc", b"", b"def"), 6)
    assert await body_of(connection) == b"abcdef"
    assert connection.reusable
    await connection.aclose()


@pytest.mark.parametrize("items", [(b"abc",), (b"abc", b"defg"), ()])
async def test_content_that_breaks_its_promised_length_is_refused(items: tuple[bytes, ...]) -> None:
    async def peer_does(peer: Peer) -> None:
        await peer.hung_up()

    with pytest.raises(InvalidValueError, match="Content-Length header says 6"):
        await exchange(peer_does, pieces(*items), 6)


async def test_an_error_of_the_content_is_the_callers_to_see() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"a"
        raise FileNotFoundError("layer.tar")

    async def peer_does(peer: Peer) -> None:
        await peer.hung_up()

    with pytest.raises(FileNotFoundError, match=r"layer\.tar"):
        await exchange(peer_does, broken())


async def test_an_early_error_ends_the_upload() -> None:
    async def peer_does(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer(b'{"message":"no"}', status="404 Not Found"))  # and it never reads the body

    connection = await exchange(peer_does, Endless())
    assert connection.parser.status == 404
    assert await body_of(connection) == b'{"message":"no"}'
    assert not connection.reusable
    await connection.aclose()


async def test_an_early_error_ends_an_upload_whose_next_piece_never_comes() -> None:
    async def quiet() -> AsyncIterator[bytes]:
        yield b"a"
        await anyio.sleep_forever()

    async def peer_does(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer(status="500 Oops"))

    connection = await exchange(peer_does, quiet())
    assert connection.parser.status == 500
    await connection.aclose()


async def test_an_early_error_and_a_hang_up_leave_the_answer() -> None:
    async def peer_does(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer(b"no", status="400 Bad Request"))
        await peer.hang_up()

    connection = await exchange(peer_does, Endless())
    assert connection.parser.status == 400
    assert await body_of(connection) == b"no"
    await connection.aclose()


async def test_progress_while_the_upload_goes_on_is_kept_and_the_upload_completed() -> None:
    received: list[bytes] = []
    answered = anyio.Event()

    async def content() -> AsyncIterator[bytes]:
        for number in range(50):
            yield b"%05d" % number
            if number == 10:
                await answered.wait()

    async def peer_does(peer: Peer) -> None:
        request = await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[chunk(b"p")] * 5)
        answered.set()
        received.append(await peer.body(request))
        await peer.send(chunk(b"end"), b"0\r\n\r\n")

    connection = await exchange(peer_does, content())
    assert await body_of(connection) == b"pppppend"
    assert received == [b"".join(b"%05d" % number for number in range(50))]
    assert connection.reusable
    await connection.aclose()


async def test_a_whole_early_answer_ends_the_upload_and_the_connections_use() -> None:
    async def peer_does(peer: Peer) -> None:
        await peer.head()
        await peer.send(answer(b"done"))

    connection = await exchange(peer_does, Endless())
    assert await body_of(connection) == b"done"
    assert not connection.reusable
    await connection.aclose()


async def test_an_engine_that_hangs_up_without_an_answer_ends_the_upload() -> None:
    async def peer_does(peer: Peer) -> None:
        await peer.head()
        await peer.hang_up()

    with pytest.raises(EngineConnectionError, match="closed the connection without an answer"):
        await exchange(peer_does, Endless())


async def test_an_answer_that_is_no_http_ends_the_upload() -> None:
    async def peer_does(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"what?\r\n")

    with pytest.raises(EngineProtocolError, match=r"not HTTP/1\.1"):
        await exchange(peer_does, Endless())


async def test_an_upload_that_is_cancelled_ends_at_once_and_leaves_no_task() -> None:
    connection, peer = make()
    before = len(anyio.get_running_tasks())
    with anyio.move_on_after(0.02) as scope:
        await connection.exchange_streamed(POST, Endless(), None)
    assert scope.cancelled_caught
    assert len(anyio.get_running_tasks()) == before
    assert not connection.reusable
    await connection.aclose()
    await peer.hang_up()


async def test_an_upload_is_bounded_by_the_deadline() -> None:
    connection, peer = make()
    connection.set_deadline(time.monotonic() + 0.02)
    with pytest.raises(TimeoutError):
        await connection.exchange_streamed(POST, Endless(), None)
    await connection.aclose()
    await peer.hang_up()


# ---------------------------------------------------------------- raw streams


async def upgraded() -> tuple[Connection, Peer]:
    connection, peer = make()
    await peer.send(b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nalong")
    await connection.exchange(GET, b"")
    assert await peer.receive() == GET
    return connection, peer


async def test_after_an_upgrade_bytes_go_both_ways_and_each_way_has_its_end() -> None:
    connection, peer = await upgraded()
    assert await connection.receive() == b"along"
    await connection.send(b"in")
    assert await peer.receive() == b"in"
    await connection.send_eof()
    with pytest.raises(EndOfStream):
        await peer.receive()
    await peer.send(b"out")
    assert await connection.receive() == b"out"
    await peer.hang_up()
    assert await connection.receive() == b""
    assert await connection.receive() == b""
    assert not connection.reusable
    await connection.aclose()


async def test_an_upgraded_connection_that_breaks_is_an_error_and_no_end() -> None:
    connection, peer = await upgraded()
    assert await connection.receive() == b"along"
    await connection.send(b"never read")
    await peer.hang_up()  # with bytes unread: the kernel resets the connection
    with pytest.raises(EngineProtocolError, match="unix:///fake: the connection broke"):
        await connection.receive()
    await connection.aclose()


async def test_an_answer_without_a_length_that_breaks_is_an_error_and_no_end() -> None:
    connection, peer = make()
    await peer.send(b"HTTP/1.1 200 OK\r\n\r\nabc")
    await connection.exchange(GET, b"")
    assert await connection.receive() == b"abc"
    await connection.send(b"never read")
    await peer.hang_up()
    async with aclosing(connection):
        with pytest.raises(EngineProtocolError):
            await connection.receive()


async def test_closing_wakes_whoever_waits() -> None:
    connection, peer = await upgraded()
    await connection.receive()

    async def wait() -> None:
        with pytest.raises(ClosedResourceError):
            await connection.receive()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await connection.aclose()
    await peer.hang_up()


async def test_closing_works_while_cancelled() -> None:
    connection, peer = make()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await connection.aclose()
    with pytest.raises(EndOfStream):
        await peer.receive()
    await peer.hang_up()


# ---------------------------------------------------------------- other byte streams


class OtherStream(ByteStream):
    """A byte stream that is not a unix socket's, as TLS and ssh have: gives what it is told."""

    def __init__(self, *items: bytes | Exception) -> None:
        self.items = list(items)
        self.sent = b""
        self.ended = self.closed = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        if not self.items:
            await anyio.sleep_forever()
        item = self.items.pop(0)
        if isinstance(item, Exception):
            raise item
        assert len(item) <= max_bytes
        return item

    async def send(self, item: bytes) -> None:
        self.sent += item

    async def send_eof(self) -> None:
        self.ended = True

    async def aclose(self) -> None:
        self.closed = True


async def test_any_byte_stream_will_do() -> None:
    stream = OtherStream(answer(b"a"), b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n", b"raw")
    connection = Connection(stream, "tcp://x")
    await connection.exchange(GET, b"")
    assert await body_of(connection) == b"a"
    await connection.exchange(GET, b"")
    await connection.send(b"x")
    await connection.send_eof()
    assert await connection.receive() == b"raw"
    assert (stream.sent, stream.ended) == (GET * 2 + b"x", True)
    await connection.aclose()
    assert stream.closed


async def test_the_deadline_holds_for_any_byte_stream() -> None:
    connection = Connection(OtherStream(), "tcp://x")
    connection.set_deadline(time.monotonic() + 0.02)
    with pytest.raises(TimeoutError):
        await connection.exchange(GET, b"")
    connection.set_deadline(0)  # long gone
    with pytest.raises(TimeoutError):
        await connection.exchange(GET, b"")


async def test_a_stream_that_breaks_before_any_answer_is_a_connection_error() -> None:
    connection = Connection(OtherStream(BrokenResourceError()), "tcp://x")
    with pytest.raises(EngineConnectionError, match="tcp://x"):
        await connection.exchange(GET, b"")


def test_requests_are_what_the_scripts_see() -> None:
    request = Request("GET", "/x", {}, b"")
    assert request.body == b""
