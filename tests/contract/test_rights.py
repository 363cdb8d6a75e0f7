"""What engines may do: a rootless Podman refuses up front what its user has no right to, and does all the rest."""

from collections.abc import Mapping

import pytest

from clab_runtime import ConflictError, EngineInternalError, PortBinding, UnsupportedOperationError
from tests.contract.differences import LIMITS, PAUSE
from tests.contract.lab import Lab, open_lab
from tests.contract.looking import Record, all_up, inside_each, with_
from tests.engines import Engine
from tests.noting import noting

pytestmark = pytest.mark.anyio

BEYOND: Mapping[str, Mapping[str, object]] = {
    "cpu": {"cpu": 0.5},
    "cpuset": {"cpuset": "0"},
    "memory": {"memory": "64mib"},
    "cgroup-parent": {"cgroup_parent": "/labs"},
    "devices": {"devices": ["/dev/null:/dev/nothing:r"]},
    "portbindings": {"network_mode": "", "port_bindings": {"80/tcp": [PortBinding("", "80")]}},
}
"""What root may alone, where cgroups are those of version 1."""


@pytest.mark.rootless
@pytest.mark.proves("cpu", "cpuset", "memory", "cgroup-parent")
async def test_a_rootless_engine_refuses_what_its_user_may_not_before_a_request(
    lab: Lab, record_property: Record
) -> None:
    record_property("cannot", LIMITS)
    for word, fields in BEYOND.items():
        requests: list[str] = []
        with (
            noting(requests.append),
            pytest.raises(UnsupportedOperationError, match=rf"{word} .*when rootless") as info,
        ):
            await lab.runtime.create_container(with_(lab.node(), **fields))
        assert (info.value.engine, info.value.version) == (lab.engine.kind, lab.engine.version)
        assert requests == []
    assert await lab.names() == set()


@pytest.mark.rootless
@pytest.mark.proves("pause_container", "unpause_container")
async def test_a_rootless_engine_refuses_to_pause_and_the_node_runs_on(lab: Lab, record_property: Record) -> None:
    record_property("cannot", PAUSE)
    name = await lab.up()
    requests: list[str] = []
    with noting(requests.append), pytest.raises(UnsupportedOperationError, match="pausing when rootless"):
        await lab.runtime.pause_container(name)
    assert requests == []
    with pytest.raises((ConflictError, EngineInternalError), match="not paused"):
        await lab.runtime.unpause_container(name)
    assert (await lab.client.containers.inspect(name)).state.status == "running"


@pytest.mark.rootless
@pytest.mark.proves("shm-size", "cgroupns-mode")
async def test_a_rootless_node_has_what_needs_no_cgroup_of_its_own(lab: Lab) -> None:
    nodes = {mode: with_(lab.node(mode), cgroupns_mode=mode, shm_size="16mib") for mode in ("private", "host")}
    await all_up(lab, *nodes.values())
    for mode, node in nodes.items():
        scripts = {"cgroups": "cat /proc/1/cgroup", "shm": "df -k /dev/shm | tail -n 1"}
        seen = await inside_each(lab, node, scripts)
        assert all(line.endswith(":/") for line in seen["cgroups"].splitlines()) is (mode == "private")
        assert seen["shm"].split()[1] == str(16 * 1024)


@pytest.mark.rootless
async def test_a_rootless_node_has_what_its_users_namespaces_can_give(engine: Engine) -> None:
    async with open_lab(engine) as lab:
        await lab.runtime.create_net()
        node = with_(
            lab.node(network_mode=""),
            mgmt_ipv4_address=str(lab.runtime.mgmt.ipv4_subnet).replace("0/24", "77"),
            mac_address="02:42:ac:14:14:05",
            sysctls={"net.ipv4.ip_forward": "1"},
            devices=["/dev/fuse"],
            cap_add=["NET_ADMIN", "SYS_ADMIN"],
            port_bindings={"80/tcp": [PortBinding("", "1080")]},
        )
        await lab.start(node)
        scripts = {
            "net": "ip addr show dev eth0",
            "forward": "cat /proc/sys/net/ipv4/ip_forward",
            "device": "test -c /dev/fuse && true < /dev/fuse && echo can be opened",
            "rights": "ip link add dev br7 type bridge && mount -t tmpfs none /tmp && echo enough",
        }
        seen = await inside_each(lab, node, scripts)
        await lab.runtime.delete_container(node.long_name)
        await lab.runtime.delete_net()
    assert f"inet {node.mgmt_ipv4_address}/24" in seen["net"]
    assert node.mac_address in seen["net"]
    assert (seen["forward"], seen["device"], seen["rights"]) == ("1", "can be opened", "enough")


@pytest.mark.rooted
async def test_what_root_may_is_refused_by_no_engine_of_roots(lab: Lab) -> None:
    fields = {field: value for needs in BEYOND.values() for field, value in needs.items()}
    await lab.runtime.create_net()
    await lab.runtime.create_container(with_(lab.node(), **fields))
    assert len(await lab.names()) == 1
