"""A way to an engine that can be cut: a unix socket before the engine's own."""

import math
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import TaskGroup

from clab_runtime.engine.unix import UnixStream, connect_unix
from tests.engines import Engine

_CLOSED = (OSError, BrokenResourceError, ClosedResourceError, EndOfStream)


class Relay:
    """What a test sees of the way: where it begins, and how to cut it."""

    def __init__(self, engine: Engine, path: str) -> None:
        self.endpoint = f"unix://{path}"
        self.cuts = 0
        self.most: float = math.inf
        """Bytes from the engine after which the next connection, and no other, is cut."""
        self._engine = engine
        self._open: set[UnixStream] = set()

    async def cut(self) -> None:
        """Close all connections underneath."""
        self.cuts += 1
        for stream in list(self._open):
            await stream.aclose()

    async def serve(self, outside: UnixStream) -> None:
        """Carry bytes in both directions, until one side closes."""
        async with outside, await connect_unix(str(self._engine.socket)) as inside, anyio.create_task_group() as both:
            self._open |= {outside, inside}
            both.start_soon(self._carry, outside, inside, both, math.inf)
            both.start_soon(self._carry, inside, outside, both, self.most)
        self._open -= {outside, inside}

    async def _carry(self, source: UnixStream, target: UnixStream, both: TaskGroup, most: float) -> None:
        """Carry bytes in one direction."""
        with suppress(*_CLOSED):
            while most > 0:
                data = await source.receive()
                await target.send(data[: int(min(most, len(data)))])
                most -= len(data)
            self.cuts += 1
            self.most = math.inf
        both.cancel_scope.cancel()


@asynccontextmanager
async def open_relay(engine: Engine) -> AsyncGenerator[Relay]:
    """Open a way to an engine."""
    with TemporaryDirectory(prefix="relay-") as folder, socket.socket(socket.AF_UNIX) as listener:
        relay = Relay(engine, str(Path(folder) / "engine.sock"))
        listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
        listener.bind(relay.endpoint.removeprefix("unix://"))
        listener.listen(100)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_accept, listener, relay, tasks)
            yield relay
            tasks.cancel_scope.cancel()


async def _accept(listener: socket.socket, relay: Relay, tasks: TaskGroup) -> None:
    while True:
        await anyio.wait_readable(listener)
        connection, _ = listener.accept()
        tasks.start_soon(relay.serve, UnixStream(connection))
