"""Waiting for containers on a real Docker, and the evidence of those that ended."""

import anyio
import pytest

from clab_runtime import (
    ContainerExitedError,
    EndpointlessNode,
    NotFoundError,
    UnsupportedOperationError,
    WaitTimeoutError,
    wait_for_container_running,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime import diagnosis
from clab_runtime.runtime.diagnosis import diagnose
from clab_runtime.runtime.started import EngineStartedContainer
from tests.engine.fake_engine import Peer, Request, answer, answering, chunked, fake_engine
from tests.runtime.lab import Lab, within

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


async def test_waiting_for_health_is_not_there_yet(lab: Lab) -> None:
    started = await lab.start(lab.node())
    with pytest.raises(UnsupportedOperationError, match="wait_healthy"):
        await started.wait_healthy()


async def test_a_log_that_can_not_be_read_hides_no_other_evidence() -> None:
    dead = answer(b'{"Id":"x","State":{"Status":"exited","ExitCode":137,"OOMKilled":true,"Error":"no room"}}')

    async def script(peer: Peer, request: Request) -> None:
        broken = answer(b'{"message":"no log driver"}', status="501 Not Implemented")
        await peer.send(broken if "/logs" in request.target else dead)

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        error = await diagnose(client, "r1")
    assert (error.exit_code, error.signal, error.oom_killed, error.error) == (137, "SIGKILL", True, "no room")
    assert b"no log driver" in error.last_lines[0]
    assert "out of memory" in str(error)


async def test_a_container_that_is_coming_up_is_looked_at_again() -> None:
    states = [
        answer(b'{"Id":"x","State":{"Status":"%b"}}' % state) for state in (b"created", b"restarting", b"running")
    ]
    async with fake_engine(answering(*states)) as fake, EngineClient(fake.endpoint) as client:
        await EngineStartedContainer(client, "r1").wait_running()
    assert len(fake.requests) == 3


async def test_the_lines_read_before_a_log_hangs_are_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "LOG_TIME", 0.2)

    async def script(peer: Peer, request: Request) -> None:
        if "/logs" in request.target:
            await peer.send(chunked(b"one\r\n", end=False))
            await peer.hung_up()
        await peer.send(answer(b'{"Id":"x","State":{"Status":"exited"},"Config":{"Tty":true}}'))

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        error = await diagnose(client, "r1")
    assert error.last_lines == (b"one",)
