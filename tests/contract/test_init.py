"""A DockerRuntime's beginning and end, and what it does without."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest

from clab_runtime import (
    CONTAINER_RUNTIMES,
    ContainerRuntime,
    ContainerRuntimeError,
    ContainerStatus,
    EngineConnectionError,
    EventStreamOptions,
    ExecCmd,
    MgmtNet,
    NodeConfig,
    RuntimeConfig,
    UnsupportedOperationError,
    open_runtime,
    with_config,
    with_keep_mgmt_net,
    with_mgmt_net,
)
from clab_runtime.runtime.docker import DockerRuntime
from tests.conftest import NoLeaks
from tests.contract.lab import Lab, over_tcp, runtime_for
from tests.engine.fake_engine import answer, answering, fake_engine
from tests.engines import Engine

pytestmark = pytest.mark.anyio

Call: TypeAlias = Callable[[ContainerRuntime], Awaitable[object]]

CALLS: dict[str, Call] = {
    "check_connection": lambda runtime: runtime.check_connection(),
    "create_net": lambda runtime: runtime.create_net(),
    "delete_net": lambda runtime: runtime.delete_net(),
    "pull_image": lambda runtime: runtime.pull_image("busybox"),
    "inspect_image": lambda runtime: runtime.inspect_image("busybox"),
    "create_container": lambda runtime: runtime.create_container(NodeConfig(long_name="x1", image="busybox")),
    "stop_container": lambda runtime: runtime.stop_container("x1"),
    "pause_container": lambda runtime: runtime.pause_container("x1"),
    "unpause_container": lambda runtime: runtime.unpause_container("x1"),
    "delete_container": lambda runtime: runtime.delete_container("x1"),
    "list_containers": lambda runtime: runtime.list_containers(),
    "get_container_status": lambda runtime: runtime.get_container_status("x1"),
    "is_healthy": lambda runtime: runtime.is_healthy("x1"),
    "get_ns_path": lambda runtime: runtime.get_ns_path("x1"),
    "get_hosts_path": lambda runtime: runtime.get_hosts_path("x1"),
    "exec": lambda runtime: runtime.exec("x1", ExecCmd("true")),
    "exec_not_wait": lambda runtime: runtime.exec_not_wait("x1", ExecCmd("true")),
    "stream_logs": lambda runtime: anext(runtime.stream_logs("x1")),
    "stream_events": lambda runtime: anext(runtime.stream_events()),
}


# ---------------------------------------------------------------- beginning


@pytest.mark.proves("name", "config", "mgmt", "with_config", "with_mgmt_net", "with_keep_mgmt_net", "init")
async def test_the_options_are_applied_and_kept(engine: Engine) -> None:
    runtime = runtime_for(engine)
    config = RuntimeConfig(timeout=7, graceful_shutdown=True)
    mgmt = MgmtNet(network="tnet", ipv4_subnet="172.31.251.0/24", mtu=1400, bridge="tbr0")
    await runtime.init(with_config(config), with_mgmt_net(mgmt), with_keep_mgmt_net())
    try:
        assert runtime.name == "docker"
        assert runtime.config == RuntimeConfig(timeout=7, graceful_shutdown=True, keep_mgmt_net=True)
        assert runtime.mgmt == mgmt
    finally:
        await runtime.aclose()


@pytest.mark.proves("init", "mgmt")
@pytest.mark.parametrize("network", ["clab", "another"])
async def test_a_network_without_an_mtu_gets_one(engine: Engine, network: str) -> None:
    runtime = runtime_for(engine)
    await runtime.init(with_mgmt_net(MgmtNet(network=network)))
    await runtime.aclose()
    assert runtime.mgmt.mtu == 1500


@pytest.mark.proves("init", "mgmt")
async def test_the_bridge_of_a_network_that_exists_is_learnt(lab: Lab) -> None:
    await lab.runtime.create_net()
    other = runtime_for(lab.engine)
    await other.init(with_mgmt_net(MgmtNet(network=lab.name)))
    await other.aclose()
    assert other.mgmt.bridge.startswith("br-")
    assert other.mgmt.bridge == lab.runtime.mgmt.bridge


async def test_a_bridge_that_was_given_is_kept(lab: Lab) -> None:
    await lab.runtime.create_net()
    other = runtime_for(lab.engine)
    await other.init(with_mgmt_net(MgmtNet(network=lab.name, bridge="mine")))
    await other.aclose()
    assert other.mgmt.bridge == "mine"


@pytest.mark.proves("init", "check_connection", "get_runtime_socket")
async def test_open_runtime_finds_the_engine_as_the_docker_cli_does(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks
) -> None:
    monkeypatch.setenv("DOCKER_HOST", engine.endpoint)
    async with no_leaks(), open_runtime(mgmt=MgmtNet(network="tnet"), keep_mgmt_net=True) as runtime:
        await runtime.check_connection()
        assert runtime.get_runtime_socket() == str(engine.socket)
        assert runtime.config.keep_mgmt_net
    assert list(CONTAINER_RUNTIMES) == ["docker"]


async def test_an_engine_that_is_not_there_is_an_error_that_says_where(tmp_path: Path, no_leaks: NoLeaks) -> None:
    path = str(tmp_path / "docker.sock")
    runtime = DockerRuntime(f"unix://{path}")
    async with no_leaks():
        with pytest.raises(EngineConnectionError, match=path):
            await runtime.init()
        await runtime.aclose()


async def test_an_engine_that_is_too_old_is_refused_by_its_version(no_leaks: NoLeaks) -> None:
    ping = answer(b"OK", "Api-Version: 1.39", "Server: Docker/18.09.9 (linux)")
    async with no_leaks(), fake_engine(answering(answer()), ping=ping) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
        with pytest.raises(UnsupportedOperationError, match=r"1\.39"):
            await runtime.init()
        await runtime.aclose()


@pytest.mark.proves("init", "aclose")
async def test_a_runtime_may_be_initialised_again(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks():
        runtime = runtime_for(engine)
        await runtime.init()
        await runtime.check_connection()
        await runtime.init(with_mgmt_net(MgmtNet(network="other", mtu=1400)))
        await runtime.check_connection()
        await runtime.aclose()


# ---------------------------------------------------------------- before and after


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_nothing_works_before_init(call: Call) -> None:
    with pytest.raises(ContainerRuntimeError, match="not been initialised"):
        await call(DockerRuntime())


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_nothing_works_after_the_end(call: Call, no_leaks: NoLeaks) -> None:
    async with no_leaks(), fake_engine(answering(answer(b"{}"))) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(MgmtNet(network="x", bridge="y", mtu=1500)))
        await runtime.aclose()
        with pytest.raises(EngineConnectionError, match="closed"):
            await call(runtime)


async def test_closing_is_possible_at_any_time() -> None:
    runtime = DockerRuntime()
    await runtime.aclose()
    assert repr(runtime) == "<DockerRuntime not initialised>"


# ---------------------------------------------------------------- what the engine's clients need


@pytest.mark.proves("get_cooc_bind_mounts", "get_runtime_socket")
async def test_a_container_that_drives_the_engine_needs_its_containers_and_the_namespaces(lab: Lab) -> None:
    hosts = Path(await lab.runtime.get_hosts_path(await lab.up()))
    containers, namespaces = lab.runtime.get_cooc_bind_mounts()
    assert hosts.is_relative_to(containers.src)
    assert containers.src == containers.dst
    assert str(namespaces) == "/run/netns:/run/netns"
    assert lab.runtime.get_runtime_socket() == str(lab.engine.socket)


@pytest.mark.parametrize("reply", [answer(b"{}"), answer(b"{}", status="403 Forbidden")], ids=["silent", "refused"])
async def test_an_engine_that_does_not_say_keeps_its_data_in_the_usual_place(reply: bytes) -> None:
    async with fake_engine(answering(answer()), info=reply) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(MgmtNet(network="x", bridge="y", mtu=1500)))
        await runtime.aclose()
    assert runtime.get_cooc_bind_mounts()[0].src == "/var/lib/docker/containers"


# ---------------------------------------------------------------- the connection


async def test_a_look_at_the_connection_passes_and_the_repr_shows_the_pool(lab: Lab) -> None:
    await lab.runtime.check_connection()
    assert f"unix://{lab.engine.socket}: 0 busy, 1 idle, 0 dedicated" in repr(lab.runtime)


@pytest.mark.proves("get_runtime_socket")
async def test_an_engine_over_tcp_has_no_socket_path(engine: Engine) -> None:
    async with over_tcp(engine) as address:
        runtime = DockerRuntime(address)
        await runtime.init(with_mgmt_net(MgmtNet(network="tnet")))
        try:
            with pytest.raises(UnsupportedOperationError, match="socket path"):
                runtime.get_runtime_socket()
            assert await runtime.get_container_status("nobody") is ContainerStatus.NOT_FOUND
            async with runtime.stream_events(EventStreamOptions()):
                pass
        finally:
            await runtime.aclose()


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
