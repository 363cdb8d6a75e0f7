"""A Podman that keeps no events: whoever wants to hear some is told so, and what to do."""

from collections.abc import Generator, Sequence
from pathlib import Path

import anyio
import pytest

from clab_runtime import EndpointlessNode, ExecCmd, UnsupportedOperationError, WaitFor, WaitResult
from tests.contract.another import another_runtime
from tests.contract.lab import open_lab, until, within
from tests.engines import Engine, down, up

pytestmark = pytest.mark.anyio

_started: dict[str, Path] = {}


@pytest.fixture(scope="module", autouse=True)
def taken_down() -> Generator[None]:
    """Take the engines down once all tests have used them."""
    yield
    while _started:
        down(_started.popitem()[1])


@pytest.fixture
def silent(podman_engine: Engine) -> Engine:
    """An engine of the same version that keeps no events."""
    beside = podman_engine.directory
    place = _started.setdefault(podman_engine.name, beside.with_name(f"{beside.name}s"))  # a short one, see conftest
    return up(podman_engine.name, place, arguments=("--events-backend", "none"))


async def test_waits_look_where_nothing_is_to_be_heard(silent: Engine) -> None:
    async with open_lab(silent) as lab:
        nodes = [lab.checked(lab.node(f"r{number}"), "test -e /tmp/ready", retries=100) for number in range(6)]
        itself = lab.node("itself", "sh -c 'read line; exit 6'", auto_remove=True)
        names = [node.long_name for node in nodes]
        async with anyio.create_task_group() as tasks:
            for node in (*nodes, itself):
                await lab.runtime.create_container(node)
            tasks.start_soon(lab.runtime.wait_all, names, WaitFor.RUNNING)
            for node in (*nodes, itself):
                await lab.runtime.start_container(node.long_name, EndpointlessNode(node))
        ends: list[Sequence[WaitResult]] = []

        async def end() -> None:
            ends.append(await within(lambda: lab.runtime.wait_all([itself.long_name], WaitFor.EXITED)))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end)
            tasks.start_soon(within, lambda: lab.runtime.wait_all(names, WaitFor.HEALTHY))

            async def asked() -> bool:
                return " 0 dedicated" not in repr(lab.runtime)

            await until(asked)
            for name in names:
                await lab.runtime.exec(name, ExecCmd("touch /tmp/ready"))
            await lab.runtime.write_to_stdin_no_wait(itself.long_name, b"\n")
        assert ends == [[WaitResult(container=itself.long_name, exit_code=6)]]
        await lab.client.containers.kill(names[0])
        assert (await within(lambda: lab.runtime.wait_any(names, WaitFor.EXITED))).exit_code == 137


@pytest.mark.proves("stream_events")
async def test_a_podman_that_keeps_no_events_is_said_to_before_one_waits_for_ever(silent: Engine) -> None:
    async with another_runtime(silent) as runtime:
        with pytest.raises(UnsupportedOperationError, match=f"podman {silent.version} .*events_logger"):
            async with runtime.stream_events():
                pass
        with pytest.raises(UnsupportedOperationError):
            await anext(runtime.stream_events())
