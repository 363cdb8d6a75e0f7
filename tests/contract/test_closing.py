"""A runtime that is closed on a real engine while its streams are in use, or left alone."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from typing import TypeAlias

import anyio
import pytest

from clab_runtime import ContainerRuntime, EngineConnectionError, ExecCmd, Session
from tests.conftest import NoLeaks, open_descriptors
from tests.contract.lab import LIMIT, Lab, open_lab, over_tcp, runtime_for, until, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio

CLOSED = "this client has been closed"
TALKS = "sh -c 'while :; do echo tick; sleep 0.1; done'"
SILENT = ExecCmd(["sh", "-c", "echo begun; sleep 100000"])
FLOOD = 16 * 1024 * 1024
"""Bytes that no engine takes for a process that reads nothing."""

Open: TypeAlias = Callable[[ContainerRuntime, str], AbstractAsyncContextManager[AsyncIterator[object]]]

STREAMS: dict[str, Open] = {
    "stream_logs": lambda runtime, name: runtime.stream_logs(name),
    "stream_logs until it is removed": lambda runtime, name: runtime.stream_logs(name, follow_restarts=True),
    "merge_logs": lambda runtime, name: runtime.merge_logs([name]),
    "stream_stats": lambda runtime, name: runtime.stream_stats(name),
    "watch": lambda runtime, _: runtime.watch(),
    "open_exec": lambda runtime, name: runtime.open_exec(name, SILENT),
    "attach": lambda runtime, name: runtime.attach(name),
}


def streams_of(engine: Engine) -> dict[str, Open]:
    """Return the streams that an engine has; without cgroups of version 2 a rootless one measures nothing."""
    return {kind: opened for kind, opened in STREAMS.items() if kind != "stream_stats" or not engine.rootless}


@pytest.mark.proves("aclose")
async def test_closing_ends_every_stream_for_the_one_who_reads_it(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up(cmd=TALKS)
        await close_under_readers(runtime_for(engine), name, streams_of(engine))


async def test_closing_ends_every_stream_over_tcp_too(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab, over_tcp(engine) as address:
        name = await lab.up(cmd=TALKS)
        await close_under_readers(runtime_for(engine, address), name, streams_of(engine))


async def close_under_readers(runtime: ContainerRuntime, name: str, streams: dict[str, Open]) -> None:
    """Read all kinds of streams at once, and close the runtime when each has given something."""
    await runtime.init()
    reading: list[str] = []
    errors: dict[str, Exception] = {}

    async def read(kind: str) -> None:
        try:
            async with streams[kind](runtime, name) as stream:
                await anext(stream)
                reading.append(kind)
                while True:
                    await anext(stream)
        except Exception as exc:  # noqa: BLE001 - all of them are looked at
            errors[kind] = exc

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            for kind in streams:
                tasks.start_soon(read, kind)
            await until(partial(_all_are_read, reading, streams))
            await runtime.aclose()
    assert {kind: str(error) for kind, error in errors.items() if not _is_told(error)} == {}
    assert "0 dedicated" in repr(runtime)


async def _all_are_read(reading: list[str], streams: dict[str, Open]) -> bool:
    return set(reading) == set(streams)


def _is_told(error: Exception) -> bool:
    return isinstance(error, EngineConnectionError) and CLOSED in str(error)


async def test_streams_that_nobody_reads_leave_no_descriptor_behind(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up(cmd=TALKS)
        runtime = runtime_for(engine)
        before = len(open_descriptors())
        await runtime.init()
        async with AsyncExitStack() as streams:
            for opened in streams_of(engine).values():
                await streams.enter_async_context(opened(runtime, name))
            assert len(open_descriptors()) > before
            await runtime.aclose()
            assert len(open_descriptors()) <= before


Use: TypeAlias = Callable[[Session], Awaitable[object]]
USES: dict[str, Use] = {"send": lambda session: session.send(bytes(FLOOD)), "wait": lambda session: session.wait()}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
@pytest.mark.parametrize("kind", ["open_exec", "attach"])
async def test_closing_ends_what_a_session_waits_for(lab: Lab, kind: str, use: Use) -> None:
    name = await lab.up()
    runtime = runtime_for(lab.engine)
    await runtime.init()

    async def use_it() -> None:
        async with runtime.open_exec(name, SILENT) if kind == "open_exec" else runtime.attach(name) as session:
            tasks.start_soon(close)
            with pytest.raises(EngineConnectionError, match=CLOSED):
                await within(partial(use, session))

    async def close() -> None:
        await anyio.sleep(0.2)  # nothing tells that it waits
        await runtime.aclose()

    async with anyio.create_task_group() as tasks:
        await use_it()


async def test_a_log_is_not_asked_for_again_by_a_runtime_that_is_closed(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up(cmd=TALKS)
        runtime = runtime_for(engine)
        await runtime.init()
        async with runtime.stream_logs(name, follow_restarts=True, give_up_after=1000) as log:
            await within(log.__anext__)
            await lab.client.containers.kill(name)
            with anyio.move_on_after(0.3):  # by now it waits for the next start
                while True:
                    await anext(log)
            await runtime.aclose()
            with pytest.raises(EngineConnectionError, match=CLOSED):
                await within(log.__anext__)
