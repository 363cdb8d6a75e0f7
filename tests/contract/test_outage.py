"""A real engine that is killed while everything goes on: nothing ends in silence, and all is well afterwards."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from clab_runtime import (
    ContainerRuntimeError,
    EndpointlessNode,
    EngineConnectionError,
    EngineProtocolError,
    EventStreamOptions,
    ExecCmd,
    LogLine,
    Stream,
)
from tests.conftest import NoLeaks
from tests.contract.lab import open_lab, within
from tests.engines import Engine, kill, start

pytestmark = pytest.mark.anyio

POLITE_SCRIPT = "trap 'exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done"
"""What an engine that comes back can stop at once."""
TYPED = (EngineProtocolError, EngineConnectionError)


async def test_an_engine_that_is_killed_ends_nothing_in_silence(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        runtime = lab.runtime
        terminal, plain = await lab.polite(), await lab.plain(POLITE_SCRIPT)
        started = await runtime.start_container(terminal, EndpointlessNode(lab.node()))
        errors: dict[str, Exception | None] = {}
        events = runtime.stream_events(EventStreamOptions(give_up_after=0.5))
        logs = [runtime.stream_logs(terminal), runtime.stream_logs(plain)]

        async def expect(what: str, call: Callable[[], Awaitable[object]]) -> None:
            errors[what] = None
            try:
                await within(call)
            except ContainerRuntimeError as exc:
                errors[what] = exc

        begun = anyio.Event()

        async def follow_events() -> None:
            async for event in events:
                if event.action.startswith("exec_start"):
                    begun.set()

        async def follow(log: Stream[LogLine]) -> None:
            async for _ in log:
                pass

        async with events, logs[0], logs[1]:
            for log in logs:
                assert (await within(log.__anext__)).data == b"ready"
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(expect, "events", follow_events)
                tasks.start_soon(expect, "log of a terminal", lambda: follow(logs[0]))
                tasks.start_soon(expect, "log", lambda: follow(logs[1]))
                tasks.start_soon(expect, "wait", started.wait_exited)
                command = ExecCmd("sleep 1011")
                tasks.start_soon(expect, "exec", lambda: runtime.exec(plain, command))
                await within(begun.wait)
                kill(lab.engine)
        try:
            with pytest.raises(EngineConnectionError):
                await runtime.get_container_status(terminal)
        finally:
            start(lab.engine)
        assert errors.keys() == {"events", "log of a terminal", "log", "wait", "exec"}
        for what, error in errors.items():
            assert isinstance(error, TYPED), f"{what}: {error!r}"
        await runtime.check_connection()
        assert "0 busy" in repr(runtime)
