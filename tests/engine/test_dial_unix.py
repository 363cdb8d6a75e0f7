"""UnixStream: bytes, ends, errors, cancellation and closing, on real sockets."""
# pyright: reportPrivateUsage=false

import gc
import socket
import sys
import warnings
from pathlib import Path

import anyio
import pytest
from anyio import BrokenResourceError, BusyResourceError, ClosedResourceError, EndOfStream
from anyio.abc import SocketAttribute
from anyio.lowlevel import checkpoint

from clab_runtime.engine.unix import UnixStream, connect_unix

pytestmark = pytest.mark.anyio

Pair = tuple[UnixStream, UnixStream]


def make_pair() -> Pair:
    left, right = socket.socketpair()
    return UnixStream(left), UnixStream(right)


async def read_all(stream: UnixStream, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        data += await stream.receive()
    return bytes(data)


async def waiting(left: UnixStream) -> None:
    """Yield until another task waits in the stream."""
    while not (left._receiving or left._sending):
        await checkpoint()


async def receive_until_closed(stream: UnixStream) -> None:
    """Wait for bytes until the stream is closed, and get none."""
    with pytest.raises(ClosedResourceError):
        await stream.receive()


async def fill(stream: UnixStream) -> int:
    """Send until the kernel takes no more."""
    total = 0
    with anyio.move_on_after(0.05):
        while True:
            await stream.send(b"x" * 1024)
            total += 1024
    return total


async def test_bytes_go_both_ways() -> None:
    left, right = make_pair()
    async with left, right:
        await left.send(b"ping")
        assert await right.receive() == b"ping"
        await right.send(b"pong")
        assert await left.receive(2) == b"po"
        assert await left.receive(2) == b"ng"
        await left.send(b"")
        assert not right.is_readable()


async def test_ten_megabytes_reach_a_slow_reader_unchanged() -> None:
    left, right = make_pair()
    data = bytes(range(256)) * 40_960
    received = bytearray()
    async with left, right, anyio.create_task_group() as tasks:
        tasks.start_soon(left.send, data)
        while len(received) < len(data):
            await anyio.sleep(0.0005)
            received += await right.receive(100_000)
    assert bytes(received) == data


async def test_both_directions_work_at_once_without_a_deadlock() -> None:
    left, right = make_pair()
    data = b"x" * 2_000_000
    async with left, right, anyio.create_task_group() as tasks:
        tasks.start_soon(left.send, data)
        tasks.start_soon(right.send, data)
        tasks.start_soon(read_all, left, len(data))
        assert await read_all(right, len(data)) == data


async def test_half_close_ends_one_direction_only_and_may_be_repeated() -> None:
    left, right = make_pair()
    async with left, right:
        await left.send(b"last")
        await left.send_eof()
        await left.send_eof()
        assert await right.receive() == b"last"
        with pytest.raises(EndOfStream):
            await right.receive()
        with pytest.raises(EndOfStream):
            await right.receive()
        await right.send(b"answer")
        assert await left.receive() == b"answer"
        with pytest.raises(BrokenResourceError):
            await left.send(b"more")


async def test_a_peer_that_is_gone_is_the_end_for_readers_and_broken_for_writers() -> None:
    left, right = make_pair()
    async with left:
        await right.aclose()
        with pytest.raises(EndOfStream):
            await left.receive()
        with pytest.raises(BrokenResourceError) as caught:
            await left.send(b"x")
        assert isinstance(caught.value.__cause__, BrokenPipeError)


async def test_a_peer_that_leaves_bytes_unread_breaks_the_connection() -> None:
    left, right = make_pair()
    async with left:
        await left.send(b"unread")
        await right.aclose()
        with pytest.raises(BrokenResourceError) as caught:
            await left.receive()
        assert isinstance(caught.value.__cause__, ConnectionResetError)


async def test_a_sender_that_waits_learns_that_the_peer_is_gone() -> None:
    left, right = make_pair()
    async with left, anyio.create_task_group() as tasks:

        async def send() -> None:
            with pytest.raises(BrokenResourceError):
                await left.send(b"x" * 10_000_000)

        tasks.start_soon(send)
        await waiting(left)
        await right.aclose()


async def test_send_eof_on_a_socket_without_a_peer_is_broken() -> None:
    stream = UnixStream(socket.socket())
    async with stream:
        with pytest.raises(BrokenResourceError):
            await stream.send_eof()


async def test_a_cancelled_receive_loses_nothing_and_the_stream_goes_on() -> None:
    left, right = make_pair()
    async with left, right:
        for turn in range(3):
            with anyio.move_on_after(0.01) as scope:
                await left.receive()
            assert scope.cancelled_caught
            await right.send(b"%d" % turn)
            assert await left.receive() == b"%d" % turn


async def test_a_cancelled_send_leaves_the_stream_usable() -> None:
    left, right = make_pair()
    async with left, right:
        sent = await fill(left)
        assert len(await read_all(right, sent)) >= sent
        while right.is_readable():
            await right.receive()
        await left.send(b"again")
        assert await right.receive() == b"again"


async def test_a_second_reader_is_refused_even_when_bytes_are_there() -> None:
    left, right = make_pair()
    received: list[bytes] = []

    async def read() -> None:
        received.append(await left.receive())

    async with left, right, anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await waiting(left)
        await right.send(b"for the first")
        with pytest.raises(BusyResourceError):
            await left.receive()
    assert received == [b"for the first"]


async def test_a_second_writer_is_refused_so_that_bytes_do_not_mix() -> None:
    left, right = make_pair()
    data = b"a" * 1_000_000
    async with left, right, anyio.create_task_group() as tasks:
        tasks.start_soon(left.send, data)
        await waiting(left)
        await right.receive(1000)
        with pytest.raises(BusyResourceError):
            await left.send(b"b")
        with pytest.raises(BusyResourceError):
            await left.send_eof()
        assert set(await read_all(right, len(data) - 1000)) == set(b"a")


@pytest.mark.parametrize("direction", ["receive", "send"])
async def test_closing_wakes_the_task_that_waits(direction: str) -> None:
    left, right = make_pair()
    seen: list[type[BaseException]] = []

    async def wait() -> None:
        try:
            await (left.receive() if direction == "receive" else left.send(b"x" * 10_000_000))
        except ClosedResourceError as error:
            seen.append(type(error))

    async with right:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            await waiting(left)
            await left.aclose()
        assert seen == [ClosedResourceError]


async def test_a_waiter_that_wakes_for_bytes_while_the_stream_is_closed_does_not_get_them() -> None:
    left, right = make_pair()
    async with right, anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_closed, left)
        await waiting(left)
        await right.send(b"late")
        await left.aclose()


async def test_a_new_socket_with_the_same_number_is_not_disturbed_by_the_old_one_s_waiter() -> None:
    left, right = make_pair()
    number = left._fd
    got: list[bytes] = []

    async def replace() -> None:
        await left.aclose()
        near, far = make_pair()
        async with near, far, anyio.create_task_group() as inner:
            stream, peer = (near, far) if near._fd == number else (far, near)
            assert stream._fd == number

            async def answer() -> None:
                await waiting(stream)
                await anyio.sleep(0.01)
                await peer.send(b"hello")

            inner.start_soon(answer)
            with anyio.fail_after(5):
                got.append(await stream.receive())

    async with right, anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_closed, left)
        await waiting(left)
        await replace()
    assert got == [b"hello"]


async def test_after_closing_everything_raises_closed_and_closing_again_is_fine() -> None:
    left, right = make_pair()
    await left.aclose()
    await left.aclose()
    await right.aclose()
    with pytest.raises(ClosedResourceError):
        await left.receive()
    with pytest.raises(ClosedResourceError):
        await left.send(b"x")
    with pytest.raises(ClosedResourceError):
        await left.send_eof()
    assert left.is_readable()


async def test_closing_in_a_cancelled_scope_closes_and_wakes_the_waiter() -> None:
    left, right = make_pair()
    async with right, anyio.create_task_group() as tasks:
        tasks.start_soon(receive_until_closed, left)
        await waiting(left)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await left.aclose()
        assert left._sock.fileno() == -1


async def test_readable_tells_of_bytes_and_of_the_end() -> None:
    left, right = make_pair()
    async with left:
        assert not left.is_readable()
        await right.send(b"x")
        assert left.is_readable()
        await left.receive()
        assert not left.is_readable()
        await right.aclose()
        assert left.is_readable()


async def test_the_socket_is_a_typed_attribute() -> None:
    left, right = make_pair()
    async with left, right:
        assert left.extra(SocketAttribute.raw_socket) is left._sock
        assert left.extra(SocketAttribute.family) == socket.AF_UNIX


async def test_a_stream_left_open_warns_and_closes_its_socket() -> None:
    left, right = make_pair()
    raw = left._sock
    with pytest.warns(ResourceWarning, match="unclosed <clab_runtime"):  # noqa: PT031 - it warns in either of the two
        del left
        gc.collect()
    assert raw.fileno() == -1
    await right.aclose()


async def test_a_stream_left_open_closes_its_socket_even_where_the_warning_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left, right = make_pair()
    raw = left._sock
    seen: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", seen.append)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del left
        gc.collect()
    assert raw.fileno() == -1
    assert len(seen) == 1
    await right.aclose()


def test_what_could_not_be_made_does_not_warn() -> None:
    with pytest.raises(AttributeError):
        UnixStream(None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    gc.collect()


async def test_connecting_rides_out_a_full_queue(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        first = await connect_unix(path)
        accepted: list[socket.socket] = []
        streams = [first]

        async def connect() -> None:
            streams.append(await connect_unix(path))

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(connect)
            await anyio.sleep(0.02)
            assert len(streams) < 5
            while len(streams) < 5:
                await anyio.wait_readable(listener)
                accepted.append(listener.accept()[0])
        for stream in streams:
            await stream.aclose()
        for sock in accepted:
            sock.close()


async def test_connecting_to_a_full_queue_can_be_cancelled_and_leaves_no_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        async with await connect_unix(path):
            with anyio.move_on_after(0.1) as scope:
                async with await connect_unix(path):
                    pytest.fail("the queue has room")
            assert scope.cancelled_caught
    gc.collect()
