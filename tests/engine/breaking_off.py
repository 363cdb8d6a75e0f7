"""Breaking a connection off, whatever it runs over."""

import anyio

from clab_runtime.engine.connection import Connection
from clab_runtime.errors import EngineConnectionError


async def what_a_reader_gets(connection: Connection) -> list[str]:
    """Break a connection off under one who waits for an answer, then read again; tell what is said of it each time."""
    said: list[str] = []

    async def read() -> None:
        try:
            await connection.exchange(b"GET / HTTP/1.1\r\n\r\n", b"")
        except EngineConnectionError as exc:
            said.append(exc.problem)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        await connection.break_off()
    await read()
    await connection.aclose()
    return said
