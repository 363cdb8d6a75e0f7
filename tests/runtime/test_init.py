"""A runtime's beginning and end, with an engine that plays scripts, or with none."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from clab_runtime import (
    Bind,
    ContainerRuntime,
    ContainerRuntimeError,
    EngineConnectionError,
    ExecCmd,
    MgmtNet,
    NodeConfig,
    RuntimeConfig,
    UnsupportedOperationError,
    WaitFor,
    with_config,
    with_mgmt_net,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.runtime import engine_link
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.podman import PodmanRuntime
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, answering, fake_engine

pytestmark = pytest.mark.anyio

Call: TypeAlias = Callable[[ContainerRuntime], Awaitable[object]]
MakeRuntime: TypeAlias = Callable[[str | None], ContainerRuntime]

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
    "watch": lambda runtime: anext(runtime.watch()),
    "merge_logs": lambda runtime: anext(runtime.merge_logs(["x1"])),
    "wait_all": lambda runtime: runtime.wait_all(["x1"], WaitFor.RUNNING),
    "wait_any": lambda runtime: runtime.wait_any(["x1"], WaitFor.RUNNING),
    "get_stats": lambda runtime: runtime.get_stats("x1"),
    "stream_stats": lambda runtime: anext(runtime.stream_stats("x1")),
    "open_exec": lambda runtime: runtime.open_exec("x1", ExecCmd("true")).__aenter__(),
    "attach": lambda runtime: runtime.attach("x1").__aenter__(),
}
NET = MgmtNet(network="x", bridge="y", mtu=1500)
"""A network that is known so well that the engine is asked for nothing."""


def podman(version: str) -> bytes:
    return answer(b"OK", "Api-Version: 1.41", f"Libpod-API-Version: {version}", f"Server: Libpod/{version} (linux)")


PODMAN = podman("5.4.2")
RUNTIMES: dict[str, tuple[MakeRuntime, bytes | None]] = {
    "docker": (DockerRuntime, answer(b"OK", "Api-Version: 1.41", "Server: Docker/20.10.24 (linux)")),
    "podman": (PodmanRuntime, PODMAN),
}
on_both = pytest.mark.parametrize(("make", "ping"), RUNTIMES.values(), ids=RUNTIMES)


@on_both
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_nothing_works_before_init(call: Call, make: MakeRuntime, ping: bytes) -> None:
    del ping
    with pytest.raises(ContainerRuntimeError, match="not been initialised"):
        await call(make(None))


@on_both
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
async def test_nothing_works_after_the_end(call: Call, make: MakeRuntime, ping: bytes, no_leaks: NoLeaks) -> None:
    async with no_leaks(), fake_engine(answering(answer(b"{}")), ping=ping) as fake:
        runtime = make(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(NET))
        await runtime.aclose()
        with pytest.raises(EngineConnectionError, match="closed"):
            await call(runtime)


@on_both
async def test_closing_is_possible_at_any_time(make: MakeRuntime, ping: bytes) -> None:
    del ping
    runtime = make(None)
    await runtime.aclose()
    assert repr(runtime) == f"<{type(runtime).__name__} not initialised>"


@on_both
async def test_an_engine_that_is_not_there_is_an_error_that_says_where(
    make: MakeRuntime, ping: bytes, tmp_path: Path, no_leaks: NoLeaks
) -> None:
    del ping
    path = str(tmp_path / "engine.sock")
    runtime = make(f"unix://{path}")
    async with no_leaks():
        with pytest.raises(EngineConnectionError, match=path):
            await runtime.init()
        await runtime.aclose()


@pytest.mark.parametrize(
    ("make", "ping", "said"),
    [
        (DockerRuntime, answer(b"OK", "Api-Version: 1.39", "Server: Docker/18.09.9 (linux)"), r"1\.39"),
        (PodmanRuntime, podman("4.2.1"), r"podman 4\.2\.1 does not support libpod.* use Podman 4\.3 or newer"),
        (PodmanRuntime, podman("3.4.4"), r"podman 3\.4\.4 does not support libpod"),
        (PodmanRuntime, podman("unknown"), r"podman unknown does not support libpod"),
    ],
)
async def test_an_engine_that_is_too_old_is_refused_by_its_version(
    make: MakeRuntime, ping: bytes, said: str, no_leaks: NoLeaks
) -> None:
    async with no_leaks(), fake_engine(answering(answer()), ping=ping) as fake:
        runtime = make(f"unix://{fake.path}")
        with pytest.raises(UnsupportedOperationError, match=said):
            await runtime.init()
        assert fake.requests == []
        await runtime.aclose()


@on_both
async def test_a_call_has_so_much_time_as_the_configuration_says(make: MakeRuntime, ping: bytes) -> None:
    async def never(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.hung_up()

    async with fake_engine(never, ping=ping) as fake:
        runtime = make(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(NET), with_config(RuntimeConfig(timeout=0.5)))
        with pytest.raises(TimeoutError):
            await runtime.list_containers()
        await runtime.aclose()


@pytest.mark.parametrize(("name", "seconds"), [("docker", 30), ("podman", 120)])
@pytest.mark.parametrize("asked", [0, 7])
async def test_a_call_has_more_time_on_podman_where_the_configuration_leaves_it_open(
    name: str, seconds: float, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []

    class Client(EngineClient):
        def __init__(self, endpoint: EngineEndpoint, *, timeout: float) -> None:
            given.append(timeout)
            super().__init__(endpoint, timeout=timeout)

    monkeypatch.setattr(engine_link, "EngineClient", Client)
    make, ping = RUNTIMES[name]
    async with fake_engine(answering(answer()), ping=ping) as fake:
        runtime = make(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(NET), with_config(RuntimeConfig(timeout=asked)))
        await runtime.aclose()
    assert given == [asked or seconds]


@pytest.mark.parametrize("reply", [answer(b"{}"), answer(b"{}", status="403 Forbidden")], ids=["silent", "refused"])
@pytest.mark.parametrize(
    ("name", "place"),
    [("docker", "/var/lib/docker/containers"), ("podman", "/run/containers/storage/overlay-containers")],
)
async def test_an_engine_that_does_not_say_keeps_its_data_in_the_usual_place(
    reply: bytes, name: str, place: str
) -> None:
    make, ping = RUNTIMES[name]
    async with fake_engine(answering(answer()), ping=ping, info=reply) as fake:
        runtime = make(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(NET))
        await runtime.aclose()
    assert runtime.get_cooc_bind_mounts() == [Bind(place, place), Bind("/run/netns", "/run/netns")]


async def test_a_users_podman_has_its_namespaces_beside_its_containers() -> None:
    info = answer(
        b'{"host":{"security":{"rootless":true}},'
        b'"store":{"runRoot":"/run/user/1000/containers","graphDriverName":"vfs"}}'
    )
    async with fake_engine(answering(answer()), ping=PODMAN, info=info) as fake:
        runtime = PodmanRuntime(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(NET))
        await runtime.aclose()
    assert [str(mount) for mount in runtime.get_cooc_bind_mounts()] == [
        "/run/user/1000/containers/vfs-containers:/run/user/1000/containers/vfs-containers",
        "/run/user/1000/netns:/run/user/1000/netns",
    ]
