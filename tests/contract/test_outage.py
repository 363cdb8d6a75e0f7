"""A real engine that is killed while everything goes on: nothing ends in silence, logs go on, and all is well later."""

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
from clab_runtime.runtime import wait_looks, waiting_room
from tests.conftest import NoLeaks
from tests.contract.lab import open_lab, until, within
from tests.engines import Engine, kill, start

pytestmark = pytest.mark.anyio

POLITE_SCRIPT = "trap 'exit 3' TERM; echo ready; while :; do sleep 1000 & wait $!; done"
"""What an engine that comes back can stop at once."""
TYPED = (EngineProtocolError, EngineConnectionError)


async def follow(log: Stream[LogLine], following: anyio.Event, ended: list[Stream[LogLine]]) -> None:
    """Follow the log of a container that says just one thing, to its end."""
    async with log:
        assert (await within(log.__anext__)).data == b"ready"
        following.set()
        assert [line async for line in log] == []
        ended.append(log)


async def test_an_engine_that_is_killed_ends_nothing_in_silence(
    engine: Engine, no_leaks: NoLeaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait_looks, "GIVE_UP_AFTER", 1.0)
    monkeypatch.setattr(waiting_room, "HEARTBEAT", 1.0)
    async with no_leaks(), open_lab(engine) as lab, anyio.create_task_group() as readers:
        runtime = lab.runtime
        terminal, plain = await lab.polite(), await lab.plain(POLITE_SCRIPT)
        started = await runtime.start_container(terminal, EndpointlessNode(lab.node()))
        errors: dict[str, Exception | None] = {}
        events = runtime.stream_events(EventStreamOptions(give_up_after=0.5))
        ended: list[Stream[LogLine]] = []
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

        async def all_have_ended() -> bool:
            return len(ended) == len(logs)

        async with events:
            for log in logs:
                following = anyio.Event()
                readers.start_soon(follow, log, following, ended)
                await within(following.wait)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(expect, "events", follow_events)
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
        assert errors.keys() == {"events", "wait", "exec"}
        for what, error in errors.items():
            assert isinstance(error, TYPED), f"{what}: {error!r}"
        await runtime.check_connection()
        for container in (terminal, plain):  # Podman's have outlived it
            await runtime.stop_container(container)
        await until(all_have_ended)
        assert "0 busy" in repr(runtime)
