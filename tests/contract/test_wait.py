"""Waiting for containers on real engines, and the evidence of those that ended."""

import logging

import anyio
import msgspec
import pytest

from clab_runtime import (
    ContainerExitedError,
    ContainerRuntimeError,
    ContainerUnhealthyError,
    EndpointlessNode,
    ExecCmd,
    InvalidValueError,
    NotFoundError,
    StartedContainer,
    WaitTimeoutError,
    wait_for_container_running,
)
from tests.contract.differences import Differs
from tests.contract.lab import Lab, open_lab, until, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio


async def test_a_container_that_runs_is_waited_for_no_longer(lab: Lab) -> None:
    started = await lab.start(lab.node())
    assert started.id == lab.node().long_name
    assert started.id in repr(started)
    with anyio.fail_after(1):
        await started.wait_running()
        await wait_for_container_running(lab.runtime, started.id, "r1")


async def test_a_container_that_comes_up_later_ends_the_wait(lab: Lab) -> None:
    node = lab.node()

    async def start() -> None:
        await lab.runtime.create_container(node)
        await lab.runtime.start_container(node.long_name, EndpointlessNode(node))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(start)
        await wait_for_container_running(lab.runtime, node.long_name, "r1", timeout=20, interval=0.05)


async def test_a_container_that_stays_down_is_an_error_with_its_last_status(lab: Lab) -> None:
    node = lab.node()
    await lab.runtime.create_container(node)
    with pytest.raises(WaitTimeoutError, match=rf"'r1'.*{node.long_name}.*0\.3 s.*Created"):
        await wait_for_container_running(lab.runtime, node.long_name, "r1", timeout=0.3, interval=0.1)


async def test_a_container_that_dies_at_its_start_tells_why(lab: Lab) -> None:
    script = "for i in 1 2 3; do echo line $i; done; printf last; exit 42"
    started = await lab.start(lab.node(cmd=f'sh -c "{script}"'))
    assert await within(started.wait_exited) == 42
    with pytest.raises(ContainerExitedError) as caught:
        await started.wait_running()
    error = caught.value
    assert error.container == started.id
    assert (error.exit_code, error.signal, error.oom_killed, error.error) == (42, None, False, "")
    assert error.last_lines[-1] == b"last"
    assert len(error.last_lines) == 4
    assert "exit code 42" in str(error)
    assert "last" in str(error)


async def test_the_evidence_has_the_signal_and_the_end_of_a_long_log(lab: Lab) -> None:
    started = await lab.start(lab.node(cmd="sh -c 'seq 1000; kill -SEGV $$; exit 139'"))
    assert await within(started.wait_exited) == 139
    with pytest.raises(ContainerExitedError, match="SIGSEGV") as caught:
        await started.wait_running()
    assert caught.value.signal == "SIGSEGV"
    assert list(caught.value.last_lines) == [str(number).encode() for number in range(981, 1001)]


async def test_the_end_of_a_container_without_a_terminal_is_evidence_too(lab: Lab) -> None:
    name = await lab.ended("echo out; echo err >&2; exit 1", tty=False)
    started = await lab.runtime.start_container(name, EndpointlessNode(lab.node()))
    await within(started.wait_exited)
    with pytest.raises(ContainerExitedError) as caught:
        await started.wait_running()
    assert set(caught.value.last_lines) == {b"out", b"err"}


async def test_waiting_for_the_end_returns_the_code_when_it_comes(lab: Lab) -> None:
    name = await lab.polite()
    started = await lab.runtime.start_container(name, EndpointlessNode(lab.node()))
    codes: list[int] = []

    async def wait() -> None:
        codes.append(await started.wait_exited())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await lab.runtime.stop_container(name)
    assert codes == [3]


async def test_a_container_that_is_gone_can_not_be_waited_for(lab: Lab) -> None:
    started = await lab.start(lab.node())
    await lab.runtime.delete_container(started.id)
    with pytest.raises(NotFoundError):
        await started.wait_running()
    with pytest.raises(NotFoundError):
        await started.wait_exited()


@pytest.mark.proves("start_container", "auto-remove")
async def test_a_removal_while_the_end_is_waited_for_is_an_end(lab: Lab) -> None:
    removed = await lab.start(lab.node("removed"))
    ended = await lab.start(lab.node("ended", "sh -c 'read line; exit 6'", auto_remove=True))
    codes: dict[str, int] = {}

    async def wait(started: StartedContainer) -> None:
        codes[started.id] = await within(started.wait_exited)

    async with anyio.create_task_group() as tasks:
        for started in (removed, ended):
            tasks.start_soon(wait, started)

        async def asked() -> bool:
            return repr(lab.runtime).count("2 dedicated") == 1

        await until(asked)
        await lab.runtime.write_to_stdin_no_wait(ended.id, b"\n")
        await lab.remove(removed.id)
    assert codes == {removed.id: 137, ended.id: 6}


@pytest.mark.proves("start_container", "healthcheck", "is_healthy")
async def test_health_is_waited_for_and_what_rules_it_out_is_an_error(lab: Lab, differs: Differs) -> None:
    well = await lab.start(lab.checked(lab.node("well"), "test -e /tmp/ready", retries=20))
    ill = await lab.start(lab.checked(lab.node("ill"), "echo so sick; exit 1"))
    # A check that is killed with its container has failed, too.
    gone, ended = [await lab.start(lab.checked(lab.node(name), retries=20)) for name in ("gone", "ended")]
    with pytest.raises(InvalidValueError, match="no health check"):
        await (await lab.start(lab.node("unchecked"))).wait_healthy()
    errors: dict[str, Exception] = {}

    async def fail(started: StartedContainer) -> None:
        try:
            await within(started.wait_healthy)
        except ContainerRuntimeError as exc:
            errors[started.id] = exc

    async with anyio.create_task_group() as tasks:
        for started in (ill, gone, ended):
            tasks.start_soon(fail, started)
        await lab.runtime.delete_container(gone.id)
        await lab.client.containers.kill(ended.id)
        await lab.runtime.exec(well.id, ExecCmd("touch /tmp/ready"))
        await within(well.wait_healthy)
    assert await lab.runtime.is_healthy(well.id)
    assert isinstance(errors[gone.id], NotFoundError | ContainerExitedError), "whatever was seen of the removal"
    assert isinstance(errors[ended.id], ContainerExitedError)
    unhealthy = errors[ill.id]
    assert isinstance(unhealthy, ContainerUnhealthyError)
    failures = unhealthy.failing_streak  # one, or more where the machine is busy
    without_end = differs("health output")
    output = without_end.value if without_end else "so sick\n"
    assert (unhealthy.container, unhealthy.health_log) == (ill.id, (output,) * failures)
    assert str(unhealthy).endswith(f"failed checks in a row: {failures}; its last output:\nso sick")
    await lab.client.containers.kill(ill.id)
    await lab.client.containers.wait(ill.id)
    with pytest.raises(ContainerExitedError) as caught:
        await ill.wait_healthy()
    assert set(caught.value.health_log) - {""} == {output}  # a check that was killed with the container says nothing


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("start_container", "memory")
async def test_the_evidence_tells_of_a_lack_of_memory(lab: Lab, differs: Differs) -> None:
    untold = differs("lack of memory")
    for number in range(5):  # Docker may hear of the end before it hears of its reason, and then never tells that
        node = lab.node(f"r{number}", "sh -c 'x=a; while :; do x=$x$x$x; done'")
        started = await lab.start(msgspec.structs.replace(node, memory="16mb"))
        assert await within(started.wait_exited) == 137
        with pytest.raises(ContainerExitedError, match="SIGKILL") as caught:
            await started.wait_running()
        assert caught.value.oom_killed == (await lab.client.containers.inspect(started.id)).state.oom_killed
        assert ("out of memory" in str(caught.value)) == caught.value.oom_killed
        if caught.value.oom_killed or untold:
            break
    else:
        pytest.fail("no end of five was told to be for lack of memory")


@pytest.mark.proves("log_non_running_container_output")
@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "plain"])
async def test_the_last_output_of_what_does_not_run_is_logged(
    engine: Engine, differs: Differs, caplog: pytest.LogCaptureFixture, *, tty: bool
) -> None:
    async with open_lab(engine) as lab:
        log = lab.runtime.log_non_running_container_output
        name = await lab.ended("seq 15; echo err >&2; exit 4", tty=tty)
        caplog.clear()  # it may end before its namespace is linked, which is said, too
        await log(name)
        ((logger, level, text),) = caplog.record_tuples
        assert (logger, level) == ("clab_runtime", logging.WARNING)
        first, *lines = text.splitlines()
        assert first == f"container {name!r} is not running, exit code 4; its last output:"
        assert set(lines) == {"err", *map(str, range(1, 16))}, "each stream comes at its own pace"
        caplog.clear()
        running = await lab.up("running")
        await log(running)
        if not differs("pausing"):
            await lab.runtime.pause_container(running)
            await log(running)
        assert not caplog.records
        with pytest.raises(NotFoundError):
            await log("nobody")
