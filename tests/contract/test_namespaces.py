"""Where a container's network namespace is, and the links to it, on a real engine."""

import os
from pathlib import Path

import msgspec
import pytest

from clab_runtime import (
    ContainerExitedError,
    ContainerRuntimeError,
    EndpointlessNode,
    ExecCmd,
    InvalidValueError,
    NodeConfig,
    NotFoundError,
)
from clab_runtime.host import netns
from clab_runtime.runtime import namespaces
from tests.contract.lab import Lab, open_lab
from tests.engines import Engine

pytestmark = pytest.mark.anyio


async def namespace_of(lab: Lab, container: str) -> str:
    """Ask the container itself which network namespace it is in."""
    return (await lab.runtime.exec(container, ExecCmd("readlink /proc/1/ns/net"))).stdout_text.strip()


def elsewhere(pid: int, container_id: str) -> bool:
    """See no process of the engine's machine, as on another one."""
    del pid, container_id
    return False


def number(path: str | Path) -> str:
    """Tell which network namespace a path leads to, as the kernel writes it."""
    return f"net:[{os.stat(path).st_ino}]"  # noqa: PTH116 - of what it leads to


# ---------------------------------------------------------------- the path


@pytest.mark.proves("get_ns_path")
async def test_the_path_leads_to_the_namespace_of_a_running_container(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lab.runtime.create_net()
    node = lab.node(network_mode="")
    await lab.start(node)
    name = node.long_name
    path = await lab.runtime.get_ns_path(name)
    pid = (await lab.client.containers.inspect(name)).state.pid
    assert path == f"/proc/{pid}/ns/net"
    assert number(path) == await namespace_of(lab, name)
    if lab.engine.rootless:  # it pauses nothing, and its own file is where only its user's mounts are
        return
    await lab.runtime.pause_container(name)
    assert await lab.runtime.get_ns_path(name) == path
    await lab.runtime.unpause_container(name)
    monkeypatch.setattr(namespaces, "belongs_to", elsewhere)
    path = await lab.runtime.get_ns_path(name)
    assert path == (await lab.client.containers.inspect(name)).network_settings.sandbox_key
    assert number(path) == await namespace_of(lab, name)


@pytest.mark.proves("get_ns_path")
async def test_a_container_that_does_not_run_has_no_namespace_but_its_last_output(lab: Lab) -> None:
    died = await lab.ended("echo last words; exit 3", tty=True)
    with pytest.raises(ContainerExitedError, match="last words") as caught:
        await lab.runtime.get_ns_path(died)
    assert caught.value.exit_code == 3
    stopped = await lab.polite("r2")
    await lab.runtime.stop_container(stopped)
    with pytest.raises(ContainerExitedError, match="exit code 3; its last output:\nready"):
        await lab.runtime.get_ns_path(stopped)
    created = lab.node("r3")
    await lab.runtime.create_container(created)
    with pytest.raises(ContainerExitedError, match=r"it has not been started yet$"):
        await lab.runtime.get_ns_path(created.long_name)
    with pytest.raises(NotFoundError):
        await lab.runtime.get_ns_path("nobody")


async def test_a_container_with_the_hosts_network_has_the_hosts_namespace_and_no_link(lab: Lab) -> None:
    node = lab.node(network_mode="host")
    await lab.start(node)
    path = await lab.runtime.get_ns_path(node.long_name)
    assert number(path) == number(lab.engine.netns)
    assert netns.find(node.long_name) is None


@pytest.mark.proves("get_ns_path", "start_container")
async def test_a_node_that_shares_anothers_network_is_in_its_namespace_and_linked_to_it(lab: Lab) -> None:
    await lab.up("r1")
    node = lab.node("r2", network_mode="container:r1")
    await lab.start(node)
    first = number(await lab.runtime.get_ns_path(lab.node("r1").long_name))
    assert number(await lab.runtime.get_ns_path(node.long_name)) == first
    assert number(netns.DIRECTORY / node.long_name) == first
    await lab.runtime.delete_container(node.long_name)


async def test_a_namespace_on_another_machine_is_an_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    node = lab.node(network_mode="host")
    await lab.start(node)
    monkeypatch.setattr(namespaces, "belongs_to", elsewhere)
    with pytest.raises(ContainerRuntimeError, match="can't be seen from here"):
        await lab.runtime.get_ns_path(node.long_name)


# ---------------------------------------------------------------- links


@pytest.mark.proves("start_container", "delete_container")
async def test_a_node_is_linked_at_its_start_and_no_more_after_its_end(lab: Lab) -> None:
    node = lab.node()
    started = await lab.start(node)
    link = netns.DIRECTORY / node.long_name
    assert link.is_symlink()
    assert number(link) == await namespace_of(lab, node.long_name)
    await lab.client.containers.stop(node.long_name, timeout=0)
    await lab.runtime.start_container(started.id, EndpointlessNode(node))
    assert number(link) == await namespace_of(lab, node.long_name)
    await lab.runtime.delete_container(started.id)
    assert not link.is_symlink()


async def test_a_container_that_is_gone_already_loses_its_link(lab: Lab) -> None:
    name = await lab.up()
    await lab.client.containers.kill(name, "KILL")  # a removal by Podman 5 would wait for it to end by itself
    await lab.client.containers.remove(name, force=True)
    assert netns.find(name)
    await lab.runtime.delete_container(name)
    assert netns.find(name) is None


async def test_a_namespace_of_somebody_else_stays_and_the_node_starts(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    node = lab.node()
    place = netns.DIRECTORY / node.long_name
    netns.DIRECTORY.mkdir(exist_ok=True)
    place.write_text("")
    try:
        await lab.start(node)
        await lab.runtime.delete_container(node.long_name)
        assert place.is_file()
        assert f"{place} is there, and no link of a lab's" in caplog.text
    finally:
        place.unlink()


@pytest.mark.parametrize("name", ["../../tmp/x", "/etc/passwd", "a b", ".."])
async def test_a_node_whose_name_leads_elsewhere_is_refused_before_any_request(lab: Lab, name: str) -> None:
    created = await lab.runtime.create_container(lab.node())
    with pytest.raises(InvalidValueError, match="longname"):
        await lab.runtime.start_container(created, EndpointlessNode(NodeConfig(long_name=name)))
    assert (await lab.client.containers.inspect(created)).state.status == "created"


async def test_a_container_that_ends_at_once_is_not_linked(lab: Lab) -> None:
    node = msgspec.structs.replace(lab.node(cmd="true"), auto_remove=True)
    await lab.runtime.create_container(node)
    await lab.runtime.start_container(node.long_name, EndpointlessNode(node))
    await lab.runtime.delete_container(node.long_name)
    assert netns.find(node.long_name) is None


async def test_where_nothing_may_be_linked_is_a_warning_once(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(netns, "DIRECTORY", tmp_path / "missing" / "netns")
    async with open_lab(engine) as lab:
        await lab.up("r1")
        await lab.up("r2")
    (record,) = caplog.records
    assert "this process may not write to" in record.getMessage()
