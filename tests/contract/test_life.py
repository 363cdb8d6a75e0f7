"""A container's life on real engines: made, started, stopped, frozen and deleted."""

from functools import partial
from pathlib import Path

import anyio
import msgspec
import pytest

from clab_runtime import (
    ConflictError,
    ContainerStatus,
    EndpointlessNode,
    EngineConnectionError,
    EngineError,
    EngineInternalError,
    ExecCmd,
    GenericFilter,
    InvalidValueError,
    NodeConfig,
    NotFoundError,
    RuntimeConfig,
    UnsupportedOperationError,
    with_config,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import POLITE, Lab, open_lab, until, within
from tests.engines import Engine, start, stop

pytestmark = pytest.mark.anyio


async def exit_code(lab: Lab, name: str) -> int:
    return (await lab.client.containers.inspect(name)).state.exit_code


# ---------------------------------------------------------------- create and start


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves(
    "create_container",
    "start_container",
    "pause_container",
    "unpause_container",
    "get_container_status",
    "delete_container",
)
async def test_a_node_goes_through_its_states(lab: Lab) -> None:
    runtime, node = lab.runtime, lab.node()
    assert await runtime.get_container_status(node.long_name) is ContainerStatus.NOT_FOUND
    container = await runtime.create_container(node)
    assert len(container) == 64
    assert await runtime.get_container_status(container) is ContainerStatus.CREATED
    await runtime.start_container(container, EndpointlessNode(node))
    assert await runtime.get_container_status(container) is ContainerStatus.RUNNING
    await runtime.pause_container(container)
    assert await runtime.get_container_status(node.long_name) is ContainerStatus.PAUSED
    await runtime.unpause_container(container)
    assert await runtime.get_container_status(container) is ContainerStatus.RUNNING
    await lab.client.containers.kill(container)
    await lab.client.containers.wait(container)
    assert await runtime.get_container_status(container) is ContainerStatus.STOPPED
    await runtime.delete_container(container)
    assert await runtime.get_container_status(container) is ContainerStatus.NOT_FOUND


@pytest.mark.proves("create_container")
async def test_a_node_has_a_terminal_and_its_labels_and_the_callers_dict_is_left_alone(lab: Lab) -> None:
    given = {"a": "1"}
    node = lab.node(more_labels=given)
    await lab.runtime.create_container(node)
    made = (await lab.client.containers.inspect(node.long_name)).config
    assert made.tty
    assert made.open_stdin
    assert made.labels == {"containerlab": lab.name, "a": "1"}
    assert made.hostname == "r1"
    assert given == {"a": "1"}


@pytest.mark.proves("create_container")
async def test_a_name_that_is_taken_is_a_conflict(lab: Lab) -> None:
    container = await lab.runtime.create_container(lab.node())
    with pytest.raises(ConflictError):
        await lab.runtime.create_container(lab.node())
    assert await lab.runtime.get_container_status(container) is ContainerStatus.CREATED


@pytest.mark.proves("create_container")
async def test_a_missing_image_is_not_found(lab: Lab) -> None:
    node = msgspec.structs.replace(lab.node(), image="nosuch:1")
    with pytest.raises(NotFoundError, match="nosuch"):
        await lab.runtime.create_container(node)


async def test_a_malformed_value_is_refused_before_any_request(lab: Lab) -> None:
    with pytest.raises(InvalidValueError, match="memory"):
        await lab.runtime.create_container(msgspec.structs.replace(lab.node(), memory="lots"))


@pytest.mark.proves("start_container")
@pytest.mark.proves("runtime")
async def test_a_node_of_another_runtime_is_refused(lab: Lab) -> None:
    mine, other = ("docker", "podman") if lab.engine.kind == "docker" else ("podman", "docker")
    await lab.runtime.create_container(msgspec.structs.replace(lab.node(), runtime=mine))
    with pytest.raises(InvalidValueError, match=f"runtime: '{other}'"):
        await lab.runtime.create_container(msgspec.structs.replace(lab.node("r2"), runtime=other))


async def test_starting_what_runs_leaves_it_as_it_is(lab: Lab) -> None:
    name = await lab.up()
    before = (await lab.client.containers.inspect(name)).state
    await lab.runtime.start_container(name, EndpointlessNode(lab.node()))
    assert (await lab.client.containers.inspect(name)).state.pid == before.pid


@pytest.mark.proves("start_container")
async def test_starting_what_is_not_there_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFoundError):
        await lab.runtime.start_container("nobody", EndpointlessNode(lab.node()))


@pytest.mark.proves("start_container")
async def test_a_command_that_can_not_be_started_is_an_error(lab: Lab) -> None:
    node = lab.node(cmd="/no/such/program")
    await lab.runtime.create_container(node)
    with pytest.raises(EngineError, match="no such file"):
        await lab.runtime.start_container(node.long_name, EndpointlessNode(node))


@pytest.mark.proves("create_container", "start_container", "delete_container", "faults")
async def test_twelve_nodes_are_made_and_started_at_once(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        nodes = [lab.node(f"r{number}") for number in range(12)]
        async with anyio.create_task_group() as tasks:
            for node in nodes:
                tasks.start_soon(lab.start, node)
        listed = await lab.runtime.list_containers([GenericFilter("label", "containerlab", "=", lab.name)])
        assert {container.names[0] for container in listed} == {node.long_name for node in nodes}
        assert {container.state for container in listed} == {"running"}
        assert lab.runtime.faults == {}, "there is none without a network"
        async with anyio.create_task_group() as tasks:
            for node in nodes:
                tasks.start_soon(lab.runtime.delete_container, node.long_name)
        assert not await lab.names()


@pytest.mark.proves("get_hosts_path")
async def test_the_path_of_its_hosts_file_is_known(lab: Lab) -> None:
    name = await lab.up()
    hosts = await lab.runtime.exec(name, ExecCmd("cat /etc/hosts"))
    assert Path(await lab.runtime.get_hosts_path(name)).read_bytes() == hosts.stdout  # noqa: ASYNC240 - a small file


# ---------------------------------------------------------------- stop, pause


@pytest.mark.proves("stop_container")
async def test_stopping_asks_first(lab: Lab) -> None:
    name = await lab.polite()
    await lab.runtime.stop_container(name)
    assert await lab.runtime.get_container_status(name) is ContainerStatus.STOPPED
    assert await exit_code(lab, name) == 3


@pytest.mark.proves("stop_container")
async def test_stopping_ends_in_a_kill_when_the_time_is_over(lab: Lab) -> None:
    name = await lab.up()
    with_config(RuntimeConfig(timeout=1))(lab.runtime)
    await within(lambda: lab.runtime.stop_container(name))
    assert await exit_code(lab, name) == 137


@pytest.mark.proves("stop_container")
async def test_stopping_the_stopped_is_fine(lab: Lab) -> None:
    name = await lab.ended("exit 7", tty=True)
    await lab.runtime.stop_container(name)
    await lab.runtime.stop_container(name)
    assert await exit_code(lab, name) == 7


async def asked_by_usr1(lab: Lab, node: NodeConfig) -> str:
    """Have a node that ends with 3 when it gets USR1, once it is ready for it."""
    await lab.start(msgspec.structs.replace(node, cmd=POLITE.replace("TERM", "USR1")))
    await lab.until_said(node.long_name, b"ready")
    return node.long_name


@pytest.mark.proves("stop_container")
async def test_a_signal_is_sent_on_every_version_and_no_restart_policy_undoes_it(lab: Lab, differs: Differs) -> None:
    for signal, policy in {"SIGUSR1": "always", "usr1": "on-failure", "10": "unless-stopped"}.items():
        node = msgspec.structs.replace(lab.node(f"r-{signal}"), restart_policy=policy)
        name = await asked_by_usr1(lab, node)
        await within(partial(lab.runtime.stop_container, name, signal))
    again = differs("signal and restart policy")
    expected = again.value if again else (3, 0)
    await anyio.sleep(0.3)  # Docker starts again what it does after 0.1 s
    for container in await lab.runtime.list_containers([GenericFilter("label", "containerlab", "=", lab.name)]):
        assert container.state == "exited"
        found = await lab.client.containers.inspect(container.id)
        assert (found.state.exit_code, found.restart_count) == expected
    await lab.runtime.stop_container(lab.node("r-10").long_name, "USR1")


@pytest.mark.proves("stop_container")
async def test_a_signal_that_is_not_heeded_ends_in_a_kill_also_of_what_starts_again_and_again(lab: Lab) -> None:
    stubborn = await lab.up("stubborn")
    loop = msgspec.structs.replace(lab.node("loop", "sh -c 'exit 5'"), restart_policy="always")
    await lab.start(loop)
    with_config(RuntimeConfig(timeout=0.3))(lab.runtime)
    for name, codes in {stubborn: {137}, loop.long_name: {5, 137}}.items():  # the kill may meet the loop running
        await within(partial(lab.runtime.stop_container, name, "SIGUSR2"))
        assert await lab.runtime.get_container_status(name) is ContainerStatus.STOPPED
        assert await exit_code(lab, name) in codes
    await lab.client.containers.start(loop.long_name)
    await within(lambda: lab.runtime.stop_container(loop.long_name))
    await anyio.sleep(0.5)  # in which what starts again does so, be it after Docker's 0.1 s
    assert await lab.runtime.get_container_status(loop.long_name) is ContainerStatus.STOPPED


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("stop_container", "pause_container")
async def test_a_frozen_container_is_stopped_with_and_without_a_signal(lab: Lab) -> None:
    with_config(RuntimeConfig(timeout=1))(lab.runtime)
    for signal, code in {"SIGUSR1": 3, None: 137}.items():
        name = await asked_by_usr1(lab, lab.node(f"r-{signal}"))
        await lab.runtime.pause_container(name)
        await within(partial(lab.runtime.stop_container, name, signal))
        assert await lab.runtime.get_container_status(name) is ContainerStatus.STOPPED
        assert await exit_code(lab, name) == code


@pytest.mark.proves("stop_container")
async def test_a_container_that_removes_itself_is_stopped_by_a_signal(lab: Lab) -> None:
    name = await asked_by_usr1(lab, lab.node(auto_remove=True))
    await within(lambda: lab.runtime.stop_container(name, "USR1"))
    with pytest.raises(NotFoundError):
        await lab.runtime.stop_container("nobody", "USR1")


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("pause_container")
async def test_what_does_not_run_can_not_be_frozen(lab: Lab) -> None:
    node = lab.node()
    await lab.runtime.create_container(node)
    with pytest.raises((ConflictError, EngineInternalError), match="not running"):
        await lab.runtime.pause_container(node.long_name)


@pytest.mark.proves("unpause_container")
async def test_what_is_not_frozen_can_not_go_on(lab: Lab) -> None:
    name = await lab.up()
    with pytest.raises((ConflictError, EngineInternalError), match="not paused"):
        await lab.runtime.unpause_container(name)


@pytest.mark.parametrize("method", ["stop_container", "pause_container", "unpause_container", "get_hosts_path"])
async def test_what_is_not_there_is_not_found(lab: Lab, differs: Differs, method: str) -> None:
    refused = differs("pausing") if method == "pause_container" else None
    with pytest.raises(UnsupportedOperationError if refused else NotFoundError):
        await getattr(lab.runtime, method)("nobody")


@pytest.mark.parametrize("name", ["", "  ", "a/../../images/busybox", "/x1", "%2e%2e", "%00"])
async def test_a_name_that_is_blank_or_a_way_is_refused_before_any_request(lab: Lab, name: str) -> None:
    with pytest.raises(InvalidValueError):
        await lab.runtime.delete_container(name)


@pytest.mark.parametrize("name", ["x\r\nHost: y", "x" * 10_000])
async def test_a_hostile_name_reaches_nothing_else(lab: Lab, name: str) -> None:
    assert await lab.runtime.get_container_status(name) is ContainerStatus.NOT_FOUND
    await lab.runtime.delete_container(name)
    await lab.client.images.inspect("busybox")


# ---------------------------------------------------------------- delete


@pytest.mark.proves("delete_container")
async def test_deleting_what_is_gone_is_fine(lab: Lab) -> None:
    name = await lab.up()
    await lab.runtime.delete_container(name)
    await lab.runtime.delete_container(name)
    assert not await lab.names()


@pytest.mark.proves("delete_container")
async def test_five_that_delete_a_container_at_once_all_succeed_when_it_is_gone(lab: Lab) -> None:
    name = await lab.up()

    async def delete() -> None:
        await lab.runtime.delete_container(name)
        assert await lab.runtime.get_container_status(name) is ContainerStatus.NOT_FOUND

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(delete)


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("delete_container")
async def test_a_frozen_container_is_deleted(lab: Lab) -> None:
    name = await lab.up()
    await lab.runtime.pause_container(name)
    await lab.runtime.delete_container(name)
    assert not await lab.names()


@pytest.mark.proves("delete_container")
async def test_its_anonymous_volumes_go_with_it(lab: Lab) -> None:
    before = await lab.client.volumes.list()
    node = msgspec.structs.replace(lab.node(), volumes=("/data",))
    await lab.runtime.create_container(node)
    assert await lab.client.volumes.list() != before
    await lab.runtime.delete_container(node.long_name)
    assert await lab.client.volumes.list() == before


async def test_a_container_that_removes_itself_may_be_deleted_at_any_moment(lab: Lab) -> None:
    async def one(number: int) -> None:
        node = lab.node(f"r{number}", f"sh -c 'usleep {number * 20_000}'", auto_remove=True)
        await lab.start(node)
        await lab.runtime.delete_container(node.long_name)
        assert await lab.runtime.get_container_status(node.long_name) is ContainerStatus.NOT_FOUND

    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(one, number)
    assert not await lab.names()


async def test_a_container_that_removes_itself_is_gone_once_it_ends(lab: Lab) -> None:
    node = lab.node(cmd="true", auto_remove=True)
    await lab.start(node)

    async def gone() -> bool:
        return await lab.runtime.get_container_status(node.long_name) is ContainerStatus.NOT_FOUND

    await until(gone)
    await lab.runtime.delete_container(node.long_name)


@pytest.mark.proves("delete_container")
async def test_gracefully_it_is_stopped_before_it_is_deleted(engine: Engine) -> None:
    async with open_lab(engine, config=RuntimeConfig(graceful_shutdown=True)) as lab:
        name = await lab.polite()
        async with lab.runtime.stream_events() as events:
            await lab.runtime.delete_container(name)
            seen: dict[str, str] = {}
            while "destroy" not in seen:
                event = await within(events.__anext__)
                if event.actor_name == name:
                    seen[str(event.action)] = event.attributes.get("exitCode", "")
        assert seen["die"] == "3"
        await lab.runtime.delete_container(name)


# ---------------------------------------------------------------- an engine that is away


@pytest.mark.proves("get_container_status", "check_connection", "list_containers")
async def test_an_engine_that_is_stopped_is_no_empty_lab(lab: Lab) -> None:
    stop(lab.engine)
    try:
        with pytest.raises(EngineConnectionError, match=str(lab.engine.socket)):
            await lab.runtime.get_container_status("nobody")
        with pytest.raises(EngineConnectionError):
            await lab.runtime.check_connection()
        with pytest.raises(EngineConnectionError):
            await lab.runtime.list_containers()
        with pytest.raises(EngineConnectionError):
            await lab.runtime.delete_container("nobody")
    finally:
        start(lab.engine)
    assert await lab.runtime.get_container_status("nobody") is ContainerStatus.NOT_FOUND
