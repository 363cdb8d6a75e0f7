"""The connections that calls share: at most so many at once, the last used first.

httpcore's pool loses slots for good when calls are cancelled while it is full, hence one of our own. A slot is a unit
of a semaphore, taken before anything else and given back last, whatever happens in between. A connection that is idle
longer than engines keep it (Podman hangs up after some 10 s), or that has something to read while nobody asked, is
closed instead of used.
"""

import math
import sys
import time
from collections.abc import Awaitable, Callable
from weakref import WeakSet

import anyio

from clab_runtime.engine.connection import Connection
from clab_runtime.engine.dial import has_pending
from clab_runtime.engine.tasks import run_all

UNLIMITED = sys.maxsize
"""The size of a pool that never makes anybody wait."""


class ConnectionPool:
    """Hand out `size` connections at most at any time, and keep those that can serve again for `keep_alive` seconds."""

    def __init__(self, connect: Callable[[], Awaitable[Connection]], size: int, keep_alive: float) -> None:
        """Use `connect` whenever no idle connection will do."""
        self._connect = connect
        self._size = size
        self._keep_alive = keep_alive
        self._slots = anyio.Semaphore(size, max_value=size, fast_acquire=True)
        self._idle: list[tuple[Connection, float]] = []
        self._unlimited: WeakSet[Connection] = WeakSet()  # one that is dropped closes its socket, and warns
        self._closed = False

    @property
    def idle(self) -> int:
        """How many connections wait for use."""
        return len(self._idle)

    @property
    def busy(self) -> int:
        """How many slots are taken."""
        return self._size - self._slots.value

    async def enter(self) -> None:
        """Wait for a slot; `leave` must follow, whatever happens."""
        await self._slots.acquire()

    async def get(self) -> Connection:
        """Return an idle connection that is still good, else a new one."""
        while self._idle:
            connection, since = self._idle.pop()
            if time.monotonic() - since < self._keep_alive and not has_pending(connection.stream):
                return connection
            await connection.aclose()
        return await self._connect()

    async def unlimit(self, connection: Connection) -> None:
        """Let an exchange go on without a limit of time, until this pool is closed."""
        connection.set_deadline(math.inf)
        self._unlimited.add(connection)
        if self._closed:
            await connection.break_off()

    async def leave(self, connection: Connection | None) -> None:
        """Give the slot back, and with it the connection if there is one: kept if it can serve again, else closed."""
        try:
            if connection is None:
                return
            self._unlimited.discard(connection)
            if self._keep_alive and connection.reusable and not self._closed:
                self._idle.append((connection, time.monotonic()))
            else:
                await connection.aclose()
        finally:
            self._slots.release()

    async def aclose(self) -> None:
        """Close the idle connections, and break off what has no limit of time; users close those of the other calls."""
        self._closed = True
        while self._idle:
            connection, _ = self._idle.pop()
            await connection.aclose()
        await run_all([connection.break_off for connection in self._unlimited])
