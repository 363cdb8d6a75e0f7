"""ConnectionPool: slots, idle connections, and that neither is ever lost."""

import anyio
import pytest
from anyio.abc import ByteStream, SocketAttribute

from clab_runtime.engine.connection import Connection
from clab_runtime.engine.pool import UNLIMITED, ConnectionPool
from clab_runtime.errors import EngineConnectionError
from tests.engine.fake_engine import Peer, answer, pair

pytestmark = [pytest.mark.anyio, pytest.mark.uvloop]


class Dialler:
    """Opens connections to nobody, and knows them all."""

    def __init__(self) -> None:
        self.connections: list[Connection] = []
        self.peers: list[Peer] = []
        self.failures: list[Exception] = []

    async def __call__(self) -> Connection:
        await anyio.lowlevel.checkpoint()
        if self.failures:
            raise self.failures.pop()
        stream, peer = pair()
        self.connections.append(Connection(stream, "unix:///fake"))
        self.peers.append(peer)
        return self.connections[-1]

    def closed(self) -> int:
        return sum(is_closed(connection) for connection in self.connections)

    async def aclose(self) -> None:
        for peer in self.peers:
            await peer.hang_up()
        for connection in self.connections:
            await connection.aclose()


def is_closed(connection: Connection) -> bool:
    fd: int = connection.stream.extra(SocketAttribute.raw_socket).fileno()
    return fd < 0


async def used(pool: ConnectionPool, dialler: Dialler) -> Connection:
    """Take a connection and have one exchange on it."""
    await pool.enter()
    connection = await pool.get()
    peer = dialler.peers[dialler.connections.index(connection)]
    await peer.send(answer())
    await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"")
    await peer.receive()
    return connection


async def test_a_connection_that_served_is_kept_and_used_again_the_last_one_first() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 5, 60)
    first, second = await used(pool, dialler), await used(pool, dialler)
    assert (pool.busy, pool.idle) == (2, 0)
    await pool.leave(first)
    await pool.leave(second)
    assert (pool.busy, pool.idle) == (0, 2)
    assert await used(pool, dialler) is second
    assert await used(pool, dialler) is first
    assert await used(pool, dialler) not in {first, second}
    await pool.leave(None)
    await pool.leave(None)
    await pool.leave(None)
    await dialler.aclose()


async def test_a_connection_whose_exchange_is_not_over_is_closed() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 5, 60)
    await pool.enter()
    connection = await pool.get()
    with anyio.move_on_after(0.01):
        await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"")
    await pool.leave(connection)
    assert (pool.busy, pool.idle, dialler.closed()) == (0, 0, 1)
    await dialler.aclose()


async def test_an_idle_connection_expires() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 5, 0.02)
    first = await used(pool, dialler)
    await pool.leave(first)
    await anyio.sleep(0.03)
    assert await used(pool, dialler) is not first
    assert is_closed(first)
    await pool.leave(None)
    await dialler.aclose()


@pytest.mark.parametrize("engine_does", ["hangs up", "says something"])
@pytest.mark.parametrize("pause", [0, 0.02])
async def test_an_idle_connection_on_which_something_happened_is_not_used_again(engine_does: str, pause: float) -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 5, 60)
    first = await used(pool, dialler)
    await pool.leave(first)
    if engine_does == "hangs up":
        await dialler.peers[0].hang_up()
    else:
        await dialler.peers[0].send(answer(status="500 Not yours"))
    await anyio.sleep(pause)
    try:
        await pool.enter()
        assert await pool.get() is not first
        assert is_closed(first)
    finally:
        await dialler.aclose()


async def test_a_pool_without_keep_alive_closes_what_comes_back() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, UNLIMITED, 0)
    taken = [await used(pool, dialler) for _ in range(50)]
    assert pool.busy == 50
    for connection in taken:
        await pool.leave(connection)
    assert (pool.busy, pool.idle, dialler.closed()) == (0, 0, 50)
    await dialler.aclose()


async def test_a_full_pool_makes_callers_wait_and_lets_them_in_one_by_one() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 2, 60)
    order: list[int] = []

    async def call(number: int) -> None:
        connection = await used(pool, dialler)
        assert pool.busy <= 2
        await anyio.lowlevel.checkpoint()
        order.append(number)
        await pool.leave(connection)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(call, number)
    assert sorted(order) == list(range(20))
    assert (pool.busy, pool.idle) == (0, 2)
    assert len(dialler.connections) == 2
    await pool.aclose()
    await dialler.aclose()


async def test_cancelled_waiters_leave_no_slot_taken() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 1, 60)
    await pool.enter()
    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(pool.enter)
        await anyio.wait_all_tasks_blocked()
        assert pool.busy == 1
        tasks.cancel_scope.cancel()
    await pool.leave(None)
    assert pool.busy == 0
    await pool.enter()
    assert pool.busy == 1
    await pool.leave(None)


async def test_a_waiter_that_is_cancelled_as_it_gets_the_slot_passes_it_on() -> None:
    pool = ConnectionPool(Dialler(), 1, 60)
    await pool.enter()
    entered = 0

    async def wait(scope: anyio.CancelScope) -> None:
        nonlocal entered
        with scope:
            await pool.enter()
            entered += 1
            await pool.leave(None)

    scopes = [anyio.CancelScope() for _ in range(5)]
    async with anyio.create_task_group() as tasks:
        for scope in scopes:
            tasks.start_soon(wait, scope)
            await anyio.wait_all_tasks_blocked()
        await pool.leave(None)  # the first waiter has the slot now, but has not run yet
        scopes[0].cancel()
    assert entered >= 4
    assert pool.busy == 0


async def test_a_slot_given_back_after_the_dialling_failed_is_free() -> None:
    dialler = Dialler()
    dialler.failures = [OSError("no")]
    pool = ConnectionPool(dialler, 1, 60)
    await pool.enter()
    with pytest.raises(OSError, match="no"):
        await pool.get()
    await pool.leave(None)
    await pool.leave(await used(pool, dialler))
    assert (pool.busy, pool.idle) == (0, 1)
    await pool.aclose()
    await dialler.aclose()


async def test_an_exchange_without_a_limit_of_time_ends_with_the_pool_or_at_once_if_that_is_closed() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, UNLIMITED, 0)
    going_on, over = await used(pool, dialler), await used(pool, dialler)
    for connection in (going_on, over):
        await pool.unlimit(connection)
    await pool.leave(over)
    await pool.aclose()
    late = await used(pool, dialler)
    assert not is_closed(late)
    await pool.unlimit(late)
    for connection in (going_on, late):
        assert is_closed(connection)
        with pytest.raises(EngineConnectionError, match="this client has been closed"):
            await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"")
        await pool.leave(connection)
    assert pool.busy == 0
    await dialler.aclose()


class BadlyClosing(ByteStream):
    """A stream whose closing fails."""

    async def receive(self, max_bytes: int = 1) -> bytes:
        raise NotImplementedError

    async def send(self, item: bytes) -> None:
        raise NotImplementedError

    async def send_eof(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise OSError("the close failed")


async def test_a_close_that_fails_takes_no_slot() -> None:
    pool = ConnectionPool(Dialler(), 1, 60)
    await pool.enter()
    with pytest.raises(OSError, match="close failed"):
        await pool.leave(Connection(BadlyClosing(), "x"))
    assert pool.busy == 0


async def test_a_closed_pool_has_no_idle_connections_and_keeps_none() -> None:
    dialler = Dialler()
    pool = ConnectionPool(dialler, 5, 60)
    idle, busy = await used(pool, dialler), await used(pool, dialler)
    await pool.leave(idle)
    await pool.aclose()
    await pool.aclose()
    assert is_closed(idle)
    assert not is_closed(busy)
    await pool.leave(busy)
    assert is_closed(busy)
    assert (pool.busy, pool.idle) == (0, 0)
    await dialler.aclose()
