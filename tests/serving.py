"""Servers of a test's own: whoever connects is served in a task of its own."""

import socket
import tempfile
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from clab_runtime.engine.unix import UnixStream

QUEUE = 1000
"""How many may wait to be served."""

Serve = Callable[[UnixStream], Coroutine[object, object, None]]


@contextmanager
def unix_listener() -> Generator[tuple[socket.socket, str]]:
    """Listen on a unix socket until the block ends; give the path, too."""
    with tempfile.TemporaryDirectory(prefix="test-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = str(Path(folder) / "engine.sock")
        listener.bind(path)
        listener.listen(QUEUE)
        yield listener, path


@asynccontextmanager
async def serving(listener: socket.socket, serve: Serve) -> AsyncGenerator[None]:
    """Serve until the block ends; whoever is still being served then is cut off."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(accept, listener, serve, tasks)
        yield
        tasks.cancel_scope.cancel()


async def accept(listener: socket.socket, serve: Serve, tasks: TaskGroup) -> None:
    """Serve whoever comes; anyio's own listener trips over uvloop when it is cancelled."""
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    while True:
        await anyio.wait_readable(listener)
        connection, _ = listener.accept()
        tasks.start_soon(serve, UnixStream(connection))
