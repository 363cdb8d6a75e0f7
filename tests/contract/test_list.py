"""Listing containers on real engines."""

from collections.abc import Sequence

import anyio
import msgspec
import pytest

from clab_runtime import (
    ContainerUnhealthyError,
    GenericContainer,
    GenericFilter,
    GenericMgmtIPs,
    InvalidValueError,
    MgmtNet,
    PortBinding,
    with_mgmt_net,
)
from tests.contract.differences import Differs
from tests.contract.lab import IMAGE, Lab, within

pytestmark = pytest.mark.anyio

LOOKS = 12
"""Lists that are made while containers come and go."""


def image_name(differs: Differs) -> str:
    difference = differs("image as read back")
    return str(difference.value) if difference else IMAGE


def names(containers: Sequence[GenericContainer]) -> set[str]:
    return {container.names[0].rpartition("-")[2] for container in containers}


@pytest.mark.proves("list_containers")
async def test_labels_are_equal_or_not_or_exist(lab: Lab) -> None:
    for short_name, more in {"a": {"x": "1"}, "b": {"x": "2"}, "c": {}, "d": {"x": ""}}.items():
        await lab.runtime.create_container(lab.node(short_name, more_labels=more))
    mine = GenericFilter("label", "containerlab", "=", lab.name)

    async def found(*filters: GenericFilter) -> set[str]:
        return names(await lab.runtime.list_containers([mine, *filters]))

    assert await found() == {"a", "b", "c", "d"}
    assert await found(GenericFilter("label", "x", "=", "1")) == {"a"}
    assert await found(GenericFilter("label", "x", "!=", "1")) == {"b", "c", "d"}
    assert await found(GenericFilter("label", "x", "exists")) == {"a", "b", "d"}
    assert await found(GenericFilter("label", "x", "=", "")) == {"d"}
    assert await found(GenericFilter("label", "x", "exists"), GenericFilter("label", "x", "!=", "2")) == {"a", "d"}
    assert await found(GenericFilter("label", "nosuch", "=", "1")) == set()


@pytest.mark.proves("list_containers")
async def test_a_name_is_that_name_and_no_pattern(lab: Lab) -> None:
    for short_name in ("r1", "r10", "rx1", "r.1"):
        await lab.runtime.create_container(lab.node(short_name))
    for short_name in ("r1", "r.1", "r10"):
        wanted = GenericFilter("name", match=f"clab-{lab.name}-{short_name}")
        assert names(await lab.runtime.list_containers([wanted])) == {short_name}
    assert await lab.runtime.list_containers([GenericFilter("name", match=f"clab-{lab.name}-r.*")]) == []
    assert await lab.runtime.list_containers([GenericFilter("name", match=f"clab-{lab.name}-r")]) == []


@pytest.mark.proves("list_containers")
async def test_a_value_with_every_odd_character_is_found(lab: Lab) -> None:
    value = 'a=b "c" \\ ä & + %20 #'
    await lab.runtime.create_container(lab.node(more_labels={"odd": value}))
    assert len(await lab.runtime.list_containers([GenericFilter("label", "odd", "=", value)])) == 1


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("list_containers")
async def test_containers_in_every_state_are_listed_with_the_process_of_those_that_have_one(
    lab: Lab, differs: Differs
) -> None:
    image = image_name(differs)
    await lab.runtime.create_container(lab.node("created"))
    running = await lab.up("running")
    paused = await lab.up("paused")
    await lab.runtime.pause_container(paused)
    await lab.up("exited", "true")
    await lab.client.containers.wait(f"clab-{lab.name}-exited")
    listed = await lab.runtime.list_containers([GenericFilter("label", "containerlab", "=", lab.name)])
    found = {container.state: container for container in listed}
    assert found.keys() == {"created", "running", "paused", "exited"}
    for state, container in found.items():
        assert container.names == (f"clab-{lab.name}-{state}",)
        assert container.id.startswith(container.short_id)
        assert len(container.short_id) == 12
        assert container.runtime is lab.runtime
        assert container.image == image
    assert found["created"].pid == found["exited"].pid == 0
    assert found["running"].pid == (await lab.client.containers.inspect(running)).state.pid > 0
    assert found["paused"].pid > 0
    assert found["exited"].status.startswith("Exited (0)")


@pytest.mark.proves("list_containers")
async def test_every_field_is_told(lab: Lab, differs: Differs) -> None:
    mgmt = MgmtNet(network=lab.name, ipv4_subnet="172.31.251.0/24", ipv6_subnet="fd00:251::/64", mtu=1500)
    await lab.runtime.init(with_mgmt_net(mgmt))
    await lab.runtime.create_net()
    on_loopback = [] if differs("published at ::1") else [PortBinding(host_ip="::1", host_port="10053")]
    node = msgspec.structs.replace(
        lab.node(network_mode=""),
        binds=["/tmp:/a:ro", "/tmp:/b"],
        volumes=["/data"],
        tmpfs={"/mem": ""},
        mgmt_ipv4_address="172.31.251.9",
        mgmt_ipv6_address="fd00:251::9",
        port_bindings={
            "80/tcp": [PortBinding(host_ip="127.0.0.1", host_port="18080")],
            "53/udp": [PortBinding(host_ip="", host_port="10054"), *on_loopback],
        },
    )
    await lab.start(node)
    (container,) = await lab.runtime.list_containers([GenericFilter("name", match=node.long_name)])
    inspect = await lab.client.containers.inspect(node.long_name)
    assert (container.names, container.id, container.short_id) == ((node.long_name,), inspect.id, inspect.id[:12])
    assert (container.image, container.state) == (image_name(differs), "running")
    assert container.pid == inspect.state.pid
    assert container.status.startswith("Up ")
    assert container.labels == node.labels
    assert container.network_name == lab.name
    assert (container.ipv4, container.ipv6) == ("172.31.251.9/24", "fd00:251::9/64")
    assert container.network_settings == GenericMgmtIPs(
        ipv4_addr="172.31.251.9", ipv4_prefix_length=24, ipv4_gw="172.31.251.1",
        ipv6_addr="fd00:251::9", ipv6_prefix_length=64, ipv6_gw="fd00:251::1",
    )  # fmt: skip
    mounts = {mount.destination: mount.source for mount in container.mounts}
    assert mounts.keys() == {"/a", "/b", "/data"}, "engines count a tmpfs as none"
    assert mounts["/a"] == mounts["/b"] == "/tmp"
    ports = {(port.host_ip, port.host_port, port.container_port, port.protocol) for port in container.ports}
    expected = {("127.0.0.1", 18080, 80, "tcp"), ("0.0.0.0", 10054, 53, "udp")}
    if not differs("all addresses as read back"):
        expected.add(("::", 10054, 53, "udp"))
    assert ports == expected | {("::1", 10053, 53, "udp") for _ in on_loopback}


@pytest.mark.proves("list_containers")
async def test_those_that_vanish_meanwhile_are_left_out(lab: Lab) -> None:
    """Whoever lists while a lab comes and goes sees containers that are whole, and never an error."""
    mine = GenericFilter("label", "containerlab", "=", lab.name)
    looks = 0

    async def churn(number: int) -> None:
        while looks < LOOKS:
            node = lab.node(f"r{number}")
            await lab.start(node)
            await lab.runtime.delete_container(node.long_name)

    async def look(scope: anyio.CancelScope) -> None:
        nonlocal looks
        while not scope.cancel_called:
            for container in await lab.runtime.list_containers([mine]):
                assert container.names
                assert container.labels["containerlab"] == lab.name
            looks += 1

    async with anyio.create_task_group() as lookers:
        scope = anyio.CancelScope()
        lookers.start_soon(look, scope)
        async with anyio.create_task_group() as tasks:
            for number in range(4):
                tasks.start_soon(churn, number)
        scope.cancel()


@pytest.mark.proves("is_healthy")
async def test_health_is_what_the_check_says(lab: Lab) -> None:
    with pytest.raises(InvalidValueError, match="no health check"):
        await lab.runtime.is_healthy(await lab.up("none"))
    well, ill = [await lab.start(lab.checked(lab.node(name), name)) for name in ("true", "false")]
    await within(well.wait_healthy)
    with pytest.raises(ContainerUnhealthyError):
        await within(ill.wait_healthy)
    listed = await lab.runtime.list_containers([GenericFilter("label", "containerlab", "=", lab.name)])
    told = {container.names[0]: container.status for container in listed}
    assert told[well.id].endswith(" (healthy)")
    assert told[ill.id].endswith(" (unhealthy)")
    assert await lab.runtime.is_healthy(well.id)
    assert not await lab.runtime.is_healthy(ill.id)
