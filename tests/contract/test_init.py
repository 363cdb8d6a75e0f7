"""A runtime's beginning and end on a real engine."""

from pathlib import Path
from typing import Final

import anyio
import pytest

from clab_runtime import (
    CONTAINER_RUNTIMES,
    ContainerStatus,
    EventStreamOptions,
    MgmtNet,
    RuntimeConfig,
    UnsupportedOperationError,
    open_runtime,
    with_config,
    with_keep_mgmt_net,
    with_mgmt_net,
)
from clab_runtime.engine.client import EngineClient
from tests.conftest import NoLeaks
from tests.contract.another import another_runtime
from tests.contract.differences import Differs
from tests.contract.lab import Lab, over_tcp, runtime_for
from tests.engines import Engine
from tests.engines.specs import Kind

pytestmark = pytest.mark.anyio

ADDRESSES: Final[dict[Kind, str]] = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}
"""Which variable says where an engine of a kind is."""


# ---------------------------------------------------------------- beginning


@pytest.mark.proves("name", "config", "mgmt", "with_config", "with_mgmt_net", "with_keep_mgmt_net", "init")
async def test_the_options_are_applied_and_kept(engine: Engine) -> None:
    config = RuntimeConfig(timeout=7, graceful_shutdown=True)
    mgmt = MgmtNet(network="tnet", ipv4_subnet="172.31.251.0/24", mtu=1400, bridge="tbr0")
    async with another_runtime(engine, with_config(config), with_mgmt_net(mgmt), with_keep_mgmt_net()) as runtime:
        assert runtime.name == engine.kind
        assert runtime.config == RuntimeConfig(timeout=7, graceful_shutdown=True, keep_mgmt_net=True)
        assert runtime.mgmt == mgmt


@pytest.mark.proves("init", "mgmt")
@pytest.mark.parametrize("network", ["clab", "another"])
async def test_a_network_without_an_mtu_gets_one(engine: Engine, network: str) -> None:
    runtime = runtime_for(engine)
    await runtime.init(with_mgmt_net(MgmtNet(network=network)))
    await runtime.aclose()
    assert runtime.mgmt.mtu == 1500


@pytest.mark.proves("init", "mgmt")
async def test_the_bridge_of_a_network_that_exists_is_learnt_and_one_that_was_given_is_kept(lab: Lab) -> None:
    await lab.runtime.create_net()
    other = runtime_for(lab.engine)
    await other.init(with_mgmt_net(MgmtNet(network=lab.name)))
    assert other.mgmt.bridge
    assert other.mgmt.bridge == lab.runtime.mgmt.bridge
    await other.init(with_mgmt_net(MgmtNet(network=lab.name, bridge="mine")))
    await other.aclose()
    assert other.mgmt.bridge == "mine"


@pytest.mark.proves("init", "check_connection", "get_runtime_socket")
async def test_open_runtime_finds_the_engine_as_its_own_command_does(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks
) -> None:
    monkeypatch.setenv(ADDRESSES[engine.kind], engine.endpoint)
    async with no_leaks(), open_runtime(engine.kind, mgmt=MgmtNet(network="tnet"), keep_mgmt_net=True) as runtime:
        await runtime.check_connection()
        assert runtime.get_runtime_socket() == str(engine.socket)
        assert runtime.config.keep_mgmt_net
    assert list(CONTAINER_RUNTIMES) == ["docker", "podman"]


@pytest.mark.proves("init")
async def test_a_runtime_refuses_an_engine_of_the_other_kind(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks
) -> None:
    other: Kind = "podman" if engine.kind == "docker" else "docker"
    monkeypatch.setenv(ADDRESSES[other], engine.endpoint)
    async with no_leaks():
        with pytest.raises(UnsupportedOperationError, match=rf"use open_runtime\('{engine.kind}'\)") as caught:
            async with open_runtime(other):
                pass
    assert (caught.value.engine, caught.value.version) == (engine.kind, await _version(engine))


async def _version(engine: Engine) -> str:
    """Ask an engine which version it says it is."""
    async with EngineClient(engine.endpoint) as client:
        return (await client.info()).version


@pytest.mark.proves("init", "aclose")
async def test_a_runtime_may_be_initialised_again(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks():
        runtime = runtime_for(engine)
        await runtime.init()
        await runtime.check_connection()
        await runtime.init(with_mgmt_net(MgmtNet(network="other", mtu=1400)))
        await runtime.check_connection()
        await runtime.aclose()


# ---------------------------------------------------------------- what the engine's clients need


@pytest.mark.proves("get_cooc_bind_mounts", "get_runtime_socket")
async def test_a_container_that_drives_the_engine_needs_its_containers_and_the_namespaces(
    lab: Lab, differs: Differs
) -> None:
    await lab.runtime.create_net()
    node = lab.node(network_mode="")
    await lab.start(node)
    hosts = Path(await lab.runtime.get_hosts_path(node.long_name))
    file = (await lab.client.containers.inspect(node.long_name)).network_settings.sandbox_key
    containers, namespaces = lab.runtime.get_cooc_bind_mounts()
    assert hosts.is_relative_to(containers.src)
    assert Path(containers.src).name.endswith("containers")
    assert containers.src == containers.dst
    place = Path(file).parent if differs("directory of namespaces") else "/run/netns"
    assert str(namespaces) == f"{place}:{place}"
    assert lab.runtime.get_runtime_socket() == str(lab.engine.socket)


# ---------------------------------------------------------------- the connection


async def test_a_look_at_the_connection_passes_and_the_repr_shows_the_pool(lab: Lab) -> None:
    await lab.runtime.check_connection()
    assert f"unix://{lab.engine.socket}: 0 busy, 1 idle, 0 dedicated" in repr(lab.runtime)


@pytest.mark.proves("get_runtime_socket")
async def test_an_engine_over_tcp_has_no_socket_path(engine: Engine) -> None:
    async with (
        over_tcp(engine) as address,
        another_runtime(engine, with_mgmt_net(MgmtNet(network="tnet")), endpoint=address) as runtime,
    ):
        with pytest.raises(UnsupportedOperationError, match="socket path"):
            runtime.get_runtime_socket()
        assert await runtime.get_container_status("nobody") is ContainerStatus.NOT_FOUND
        async with runtime.stream_events(EventStreamOptions()):
            pass


@pytest.mark.proves("init", "aclose", "check_connection")
async def test_many_runtimes_work_in_one_process_without_knowing_each_other(engine: Engine) -> None:
    runtimes = [runtime_for(engine) for _ in range(10)]
    try:
        async with anyio.create_task_group() as tasks:
            for number, runtime in enumerate(runtimes):
                mgmt = MgmtNet(network=f"t{number}", mtu=1400 + number)
                tasks.start_soon(runtime.init, with_mgmt_net(mgmt), with_config(RuntimeConfig(timeout=number + 1)))
        async with anyio.create_task_group() as tasks:
            for runtime in runtimes:
                tasks.start_soon(runtime.check_connection)
        assert [runtime.mgmt.mtu for runtime in runtimes] == list(range(1400, 1410))
        assert [runtime.config.timeout for runtime in runtimes] == list(range(1, 11))
        await runtimes[0].aclose()
        await runtimes[1].check_connection()
    finally:
        for runtime in runtimes:
            await runtime.aclose()
