"""Waiting for many containers, for lines and for removals, on real engines; and how many requests that takes."""

import re
from collections.abc import Generator
from functools import partial
from pathlib import Path

import anyio
import msgspec
import pytest

from clab_runtime import (
    ContainerExitedError,
    ContainerUnhealthyError,
    EndpointlessNode,
    ExecCmd,
    InvalidValueError,
    LogMatch,
    NodeConfig,
    NotFoundError,
    StartedContainer,
    WaitFor,
    WaitResult,
    WaitTimeoutError,
    wait_for_container_running,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import Lab, open_directory, open_lab, until, within
from tests.engines import Engine
from tests.noting import noting

pytestmark = pytest.mark.anyio

MANY = 40
SEVERAL = 8
LISTS = {"docker": "/containers/json", "podman": "/libpod/containers/json"}


async def started(lab: Lab, nodes: list[NodeConfig]) -> list[StartedContainer]:
    """Start nodes, several at once, and return their handles in their order."""
    handles: dict[str, StartedContainer] = {}

    async def start(node: NodeConfig) -> None:
        handles[node.long_name] = await lab.start(node)

    async with anyio.create_task_group() as tasks:
        for node in nodes:
            tasks.start_soon(start, node)
    return [handles[node.long_name] for node in nodes]


async def listening(requests: list[str]) -> None:
    """Wait until somebody listens and has listed."""

    async def asked() -> bool:
        return any("/json?all=1" in request for request in requests)

    await until(asked)


async def said(lab: Lab, name: str, line: str) -> None:
    """Have a container's shell, which reads what it is to say, say a line."""
    await lab.runtime.write_to_stdin_no_wait(name, f"{line}\n".encode())


def asked_to_end(code: int, words: str = "") -> str:
    """Write a command that ends so when it is asked to, once it has said that it is ready."""
    last = f"{words and f'echo {words};'} exit {code}"
    return f"sh -c 'trap \"{last}\" TERM; echo ready; while :; do sleep 1000 & wait $!; done'"


def looks_of(requests: list[str]) -> list[str]:
    """Tell which paths have been asked for, without the API's version and what follows a question mark."""
    return [f"/{request.partition('?')[0].partition(' /')[2].partition('/')[2]}" for request in requests]


@pytest.mark.proves("wait_all")
async def test_many_containers_share_one_stream_and_one_list(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        nodes = [lab.node(f"r{number}") for number in range(MANY)]
        for node in nodes:
            await lab.runtime.create_container(node)
        names = [node.long_name for node in nodes]
        requests: list[str] = []
        with noting(requests.append):
            async with anyio.create_task_group() as tasks:
                for name in names:
                    tasks.start_soon(within, partial(lab.runtime.wait_all, [name], WaitFor.REMOVED), 60)
                await listening(requests)
                for name in names:
                    await lab.remove(name)
        looks = looks_of(requests)
        assert looks.count("/events") == 1
        assert 1 <= looks.count(LISTS[engine.kind]) <= 1 + 60 // 15


@pytest.fixture
def ready() -> Generator[Path]:
    """A directory for binds."""
    with open_directory() as directory:
        yield directory


@pytest.mark.proves("wait_all", "start_container")
async def test_several_that_become_healthy_are_not_looked_at_again(
    engine: Engine, no_leaks: NoLeaks, ready: Path
) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        nodes = [lab.checked(lab.node(f"r{number}"), "test -e /ready/yes", retries=1000) for number in range(SEVERAL)]
        handles = await started(lab, [msgspec.structs.replace(node, binds=(f"{ready}:/ready",)) for node in nodes])
        requests: list[str] = []
        with noting(requests.append):
            async with anyio.create_task_group() as tasks:
                for handle in handles:
                    tasks.start_soon(within, handle.wait_healthy, 60)
                await listening(requests)
                (ready / "yes").touch()
        looks = looks_of(requests)
        assert looks.count("/events") == 1
        assert 1 <= looks.count(LISTS[engine.kind]) <= 1 + 60 // 15
        if engine.kind == "docker":
            assert set(looks) == {"/events", LISTS[engine.kind]}, "nothing else was asked"


@pytest.mark.proves("wait_all", "wait_any")
async def test_a_set_ends_one_by_one_with_its_codes(lab: Lab) -> None:
    nodes = [lab.node(f"r{number}", asked_to_end(number)) for number in range(6)]
    await started(lab, nodes)
    names = [node.long_name for node in nodes]
    await within(lambda: lab.runtime.wait_all(names, LogMatch("ready")))
    every: list[object] = []

    async def wait() -> None:
        every.append(await within(lambda: lab.runtime.wait_all(names, WaitFor.EXITED)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await lab.client.containers.kill(names[4], "TERM")
        first = await within(lambda: lab.runtime.wait_any(names, WaitFor.EXITED))
        assert first == WaitResult(container=names[4], exit_code=4)
        assert not every
        for name in names:
            if name != names[4]:
                await lab.client.containers.kill(name, "TERM")
    assert every == [[WaitResult(container=name, exit_code=number) for number, name in enumerate(names)]]
    again = await within(lambda: lab.runtime.wait_all(names, WaitFor.EXITED))
    assert [result.exit_code for result in again] == list(range(6))


@pytest.mark.proves("wait_all")
async def test_a_container_is_waited_for_from_its_creation_on(lab: Lab) -> None:
    nodes = [lab.checked(lab.node(f"r{number}"), "true") for number in range(2)]
    for node in nodes:
        await lab.runtime.create_container(node)
    names = [node.long_name for node in nodes]
    async with anyio.create_task_group() as tasks:
        for condition in (WaitFor.RUNNING, WaitFor.HEALTHY):
            tasks.start_soon(within, partial(lab.runtime.wait_all, names, condition))
        await anyio.wait_all_tasks_blocked()
        for node in nodes:
            await lab.runtime.start_container(node.long_name, EndpointlessNode(node))


async def test_the_restart_of_one_that_is_waited_for_is_seen(lab: Lab) -> None:
    node = lab.node()
    handle = await lab.start(node)
    codes: list[int] = []

    async def wait() -> None:
        codes.append(await within(handle.wait_exited))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        await lab.client.containers.kill(node.long_name)
    assert codes == [137]
    again = await lab.runtime.start_container(node.long_name, EndpointlessNode(node))
    with anyio.move_on_after(0.5) as scope:
        await again.wait_exited()
    assert scope.cancelled_caught, "the end before the start is none of this run"


@pytest.mark.proves("wait_all", "wait_any")
async def test_a_line_is_found_as_text_or_by_a_pattern(lab: Lab) -> None:
    script = "sh -c 'echo a.b; while read line; do echo \"<$line>\"; done'"
    handles = await started(lab, [lab.node(name, script) for name in ("one", "two")])
    names = [handle.id for handle in handles]
    assert (await within(lambda: handles[0].wait_log("a.b"))).data == b"a.b"
    matches = [LogMatch(re.compile(r"^<log[io]n:.*>")), LogMatch("<login: x>")]
    found: list[WaitResult] = []

    async def wait(match: LogMatch) -> None:
        found.append(await within(lambda: lab.runtime.wait_any(names, match)))

    async with anyio.create_task_group() as tasks:
        for match in matches:
            tasks.start_soon(wait, match)
        await anyio.wait_all_tasks_blocked()
        for line in ("a-b", "login: x"):
            await said(lab, names[1], line)
    assert {result.container for result in found} == {names[1]}
    assert [result.line.data for result in found if result.line] == [b"<login: x>"] * 2
    with pytest.raises(WaitTimeoutError, match=f"a line with '<login: x>' .*{names[0]}.*Running"):
        await lab.runtime.wait_all(names, matches[1], timeout=1)


async def test_a_line_of_what_has_ended_is_found_and_a_line_it_never_wrote_is_an_error(lab: Lab) -> None:
    handle = await lab.start(lab.node(cmd="sh -c 'seq 2000; exit 4'"))
    assert (await within(lambda: handle.wait_log(re.compile("^1777$")))).data == b"1777"
    with pytest.raises(ContainerExitedError, match="exit code 4") as caught:
        await within(lambda: handle.wait_log("never"))
    assert caught.value.last_lines[-1] == b"2000"
    assert (await within(lambda: handle.wait_log("2000"))).text == "2000"


@pytest.mark.proves("auto-remove")
async def test_what_removes_itself_may_say_something_before(lab: Lab, differs: Differs) -> None:
    may_be_lost = differs("last words of what removes itself")
    node = lab.node(cmd=asked_to_end(5, "done"), auto_remove=True)
    handle = await lab.start(node)
    await within(lambda: handle.wait_log("ready"))
    found: list[object] = []

    async def wait() -> None:
        try:
            found.append((await within(lambda: handle.wait_log("done"))).data)
        except ContainerExitedError as exc:
            found.append(exc.exit_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        tasks.start_soon(within, handle.wait_removed)

        async def reading() -> bool:
            return "2 dedicated" in repr(lab.runtime)  # the events, and the log

        await until(reading)
        await lab.client.containers.kill(node.long_name, "TERM")
    assert found == [b"done"] or (may_be_lost and found == [5])
    await within(handle.wait_removed)


async def test_a_removal_is_waited_for_and_ends_other_waits(lab: Lab) -> None:
    created = lab.node("created")
    await lab.runtime.create_container(created)
    running = await lab.start(lab.checked(lab.node("running"), "false", retries=1000))
    names = [created.long_name, running.id]
    errors: dict[str, Exception] = {}

    async def fail(name: str) -> None:
        try:
            await within(
                lambda: lab.runtime.wait_all([name], WaitFor.HEALTHY if name == running.id else WaitFor.RUNNING)
            )
        except (NotFoundError, ContainerExitedError) as exc:
            errors[name] = exc

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(within, lambda: lab.runtime.wait_all(names, WaitFor.REMOVED))
        for name in names:
            tasks.start_soon(fail, name)
        await anyio.wait_all_tasks_blocked()
        for name in names:
            await lab.runtime.delete_container(name)
    assert isinstance(errors[created.long_name], NotFoundError)
    killed = errors[running.id]
    assert isinstance(killed, NotFoundError) or (isinstance(killed, ContainerExitedError) and killed.exit_code == 137)
    assert await lab.runtime.wait_all(names, WaitFor.REMOVED) == [WaitResult(container=name) for name in names]


@pytest.mark.proves("wait_all", "wait_any", "healthcheck")
async def test_one_of_a_set_that_falls_ill_fails_all_but_not_any(lab: Lab) -> None:
    well = lab.checked(lab.node("well"), "test -e /tmp/ready", retries=1000)
    ill = lab.checked(lab.node("ill"), "echo so sick; exit 1")
    handles = await started(lab, [well, ill])
    names = [handle.id for handle in handles]
    with pytest.raises(ContainerUnhealthyError, match=r"'clab-.*-ill' is unhealthy.*\nso sick"):
        await within(lambda: lab.runtime.wait_all(names, WaitFor.HEALTHY))
    with pytest.raises(ContainerUnhealthyError):
        await within(lambda: handles[1].wait_log("never"))
    await lab.runtime.exec(names[0], ExecCmd("touch /tmp/ready"))
    assert (await within(lambda: lab.runtime.wait_any(names, WaitFor.HEALTHY))).container == names[0]
    await started(lab, [lab.node(f"unchecked{number}") for number in range(5)])
    unchecked = [lab.node(f"unchecked{number}").long_name for number in range(5)]
    with pytest.raises(InvalidValueError, match="no health check"):
        await within(lambda: lab.runtime.wait_all(unchecked, WaitFor.HEALTHY))


async def test_waits_that_are_cancelled_leave_nothing_and_disturb_nobody(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        nodes = [lab.checked(lab.node(f"r{number}"), "test -e /tmp/ready", retries=1000) for number in range(6)]
        handles = await started(lab, nodes)
        healthy: list[str] = []

        async def wait(handle: StartedContainer) -> None:
            await handle.wait_healthy()
            healthy.append(handle.id)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as others:
                others.start_soon(wait, handles[-1])
                for step in range(8):
                    async with anyio.create_task_group() as tasks:
                        for handle in handles:
                            tasks.start_soon(handle.wait_healthy)
                            tasks.start_soon(handle.wait_log, "never")
                            tasks.start_soon(handle.wait_exited)
                        await anyio.sleep(step * 0.03)
                        tasks.cancel_scope.cancel()
                await lab.runtime.exec(handles[-1].id, ExecCmd("touch /tmp/ready"))
        assert healthy == [handles[-1].id]
        assert "0 busy" in repr(lab.runtime)
        assert " 0 dedicated" in repr(lab.runtime)


async def test_a_start_wakes_who_looks_but_once_in_a_while(lab: Lab) -> None:
    node = lab.node()
    async with anyio.create_task_group() as tasks:
        wait = partial(wait_for_container_running, lab.runtime, node.long_name, "r1", timeout=60, interval=60)
        tasks.start_soon(within, wait)
        await anyio.wait_all_tasks_blocked()
        await lab.start(node)


@pytest.mark.proves("restart-policy")
async def test_a_restart_is_an_end_for_who_waits_for_it_and_for_nobody_else(lab: Lab) -> None:
    """Podman has no state for a container between two starts."""
    script = "test -e /tmp/x && { echo second; sleep 1000; }; while ! test -e /tmp/go; do usleep 10000; done; "
    script += "sleep 0.5; touch /tmp/x; exit 7"
    node = lab.checked(lab.node(cmd=f"sh -c '{script}'"), "test -e /tmp/x && sleep 0.5", retries=1000)
    handle = await lab.start(msgspec.structs.replace(node, restart_policy="always"))
    codes: list[int] = []
    requests: list[str] = []

    async def wait() -> None:
        codes.append(await within(handle.wait_exited))

    async def heard() -> bool:
        return any("/events" in request for request in requests)

    with noting(requests.append):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait)
            tasks.start_soon(within, handle.wait_healthy)
            tasks.start_soon(within, partial(handle.wait_log, "second"))
            await until(heard)
            await lab.runtime.exec_not_wait(handle.id, ExecCmd("touch /tmp/go"))
    assert codes == [7]


async def test_a_restart_that_comes_no_more_is_an_end_for_all(lab: Lab) -> None:
    node = lab.checked(lab.node(cmd="sh -c 'sleep 0.3; exit 8'"), "false", retries=1000)
    handle = await lab.start(msgspec.structs.replace(node, restart_policy="on-failure:1"))
    for wait in (handle.wait_healthy, partial(handle.wait_log, "never")):
        with pytest.raises(ContainerExitedError, match="exit code 8"):
            await within(wait)
