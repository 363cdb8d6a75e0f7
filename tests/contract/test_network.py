"""The management network on a real engine: made, shared, refused, left alone and removed."""

import re
from ipaddress import ip_address, ip_interface, ip_network
from itertools import pairwise

import anyio
import msgspec
import pytest

from clab_runtime import (
    ContainerRuntime,
    ContainerRuntimeError,
    ExecCmd,
    GenericFilter,
    InvalidValueError,
    MgmtNet,
    SubnetOverlapError,
    UnsupportedOperationError,
    labels,
    with_keep_mgmt_net,
    with_mgmt_net,
)
from clab_runtime.engine import schema
from tests.conftest import NoLeaks
from tests.contract.another import another_runtime
from tests.contract.differences import Differs
from tests.contract.lab import Lab, mgmt_net, open_lab
from tests.engines import Engine

pytestmark = pytest.mark.anyio

ROUNDS = 5


async def networks(lab: Lab, name: str) -> list[schema.Network]:
    return [network for network in await lab.client.networks.list() if network.name == name]


def is_usual(bridge: str, network: schema.Network, differs: Differs) -> bool:
    """Tell whether a bridge is called as the engine calls one by itself."""
    usual = differs("usual-bridge")
    return re.fullmatch(str(usual.value), bridge) is not None if usual else bridge == f"br-{network.id[:12]}"


# ---------------------------------------------------------------- create


@pytest.mark.proves("create_net", "mgmt")
async def test_a_network_is_made_as_the_lab_wants_it(lab: Lab, differs: Differs) -> None:
    mgmt = msgspec.structs.replace(lab.runtime.mgmt, mtu=1400, ipv6_subnet="auto")
    lab.runtime.with_mgmt_net(mgmt)
    await lab.runtime.create_net()
    made = await lab.client.networks.inspect(lab.name)
    assert made.labels == {labels.CONTAINERLAB: ""}
    assert made.driver == "bridge"
    options = made.options or {}
    assert options.get("com.docker.network.driver.mtu", options.get("mtu")) == "1400"
    found = lab.runtime.mgmt
    assert found.mtu == 1400
    assert is_usual(found.bridge, made, differs)
    assert found.ipv4_subnet == mgmt.ipv4_subnet
    assert ip_address(found.ipv4_gw) in ip_network(mgmt.ipv4_subnet)
    assert found.ipv6_subnet.startswith("fd")
    assert found.ipv6_subnet.endswith("/64")
    assert ip_address(found.ipv6_gw) in ip_network(found.ipv6_subnet)


@pytest.mark.proves("create_net")
async def test_a_drivers_option_that_nobody_knows_is_passed_on_or_refused(lab: Lab, differs: Differs) -> None:
    lab.runtime.with_mgmt_net(msgspec.structs.replace(lab.runtime.mgmt, driver_opts={"x.y": "z"}))
    if differs("driver-option-unknown"):
        with pytest.raises(UnsupportedOperationError, match=r"driver-opts x\.y=z") as caught:
            await lab.runtime.create_net()
        assert caught.value.version == lab.engine.version
        assert not await networks(lab, lab.name)
        return
    await lab.runtime.create_net()
    assert ((await lab.client.networks.inspect(lab.name)).options or {})["x.y"] == "z"


@pytest.mark.proves("create_net")
async def test_every_word_of_the_network_reaches_the_engine_and_the_node(lab: Lab, differs: Differs) -> None:
    prefix = "com.docker.network.container_iface_prefix"
    interface = differs("interface-prefix")
    ipv4, ipv6 = ip_network(lab.runtime.mgmt.ipv4_subnet), ip_network("fd00:c1ab::/64")
    mgmt = MgmtNet(
        network=lab.name,
        bridge=f"{lab.name}b",
        ipv4_subnet=str(ipv4),
        ipv4_gw=str(ipv4[254]),
        ipv4_range=str(list(ipv4.subnets(new_prefix=26))[1]),
        ipv6_subnet=str(ipv6),
        ipv6_gw=str(ipv6[0xFFFF]),
        ipv6_range="fd00:c1ab:0:0:8000::/66",
        mtu=1400,
        driver_opts={"com.docker.network.driver.mtu": "1350", **({} if interface else {prefix: "mgmt"})},
    )
    lab.runtime.with_mgmt_net(mgmt)
    await lab.runtime.create_net()
    assert lab.runtime.mgmt == msgspec.structs.replace(mgmt, mtu=1350)  # the driver's own option wins
    made = await lab.client.networks.inspect(lab.name)
    assert [(pool.subnet, pool.gateway) for pool in made.ipam.config or ()] == [
        (mgmt.ipv4_subnet, mgmt.ipv4_gw),
        (mgmt.ipv6_subnet, mgmt.ipv6_gw),
    ]
    if lab.engine.kind == "docker":  # Podman's answer in Docker's words has neither; its own is read by create_net
        assert [pool.ip_range for pool in made.ipam.config or ()] == [mgmt.ipv4_range, mgmt.ipv6_range]
        modes = {value for key, value in (made.options or {}).items() if "gateway_mode_ipv" in key}
        assert modes == ({"nat-unprotected"} if lab.engine.version >= "28" else set())
    node = lab.node(network_mode="")
    await lab.start(node)
    name = str(interface.value) if interface else "mgmt0"
    script = f"cat /sys/class/net/{name}/mtu; ip route show default; ip -6 route show default"
    told = (await lab.runtime.exec(node.long_name, ExecCmd(["sh", "-c", script]))).stdout_text.split()
    assert told[0] == "1350"
    assert [after for word, after in pairwise(told) if word == "via"] == [mgmt.ipv4_gw, mgmt.ipv6_gw]
    (container,) = await lab.runtime.list_containers([GenericFilter("name", match=node.long_name)])
    assert ip_interface(container.ipv4) in ip_network(mgmt.ipv4_range)
    assert ip_interface(container.ipv6) in ip_network(mgmt.ipv6_range)


@pytest.mark.proves("create_net")
async def test_the_bridge_gets_the_name_that_was_asked_for(lab: Lab) -> None:
    lab.runtime.with_mgmt_net(msgspec.structs.replace(lab.runtime.mgmt, bridge=f"{lab.name}br"))
    await lab.runtime.create_net()
    assert lab.runtime.mgmt.bridge == f"{lab.name}br"


async def test_a_node_gets_an_address_of_the_network(lab: Lab) -> None:
    await lab.runtime.create_net()
    subnet = ip_network(lab.runtime.mgmt.ipv4_subnet)
    node = msgspec.structs.replace(lab.node(network_mode=""), mgmt_ipv4_address=str(subnet[77]))
    await lab.start(node)
    (container,) = await lab.runtime.list_containers([GenericFilter("name", match=node.long_name)])
    assert container.network_name == lab.name
    assert container.ipv4 == f"{subnet[77]}/24"
    assert container.network_settings.ipv4_gw == lab.runtime.mgmt.ipv4_gw


@pytest.mark.proves("create_net")
async def test_a_network_that_is_there_is_used_again(lab: Lab) -> None:
    await lab.runtime.create_net()
    before = lab.runtime.mgmt
    await lab.runtime.create_net()
    assert lab.runtime.mgmt == before
    assert len(await networks(lab, lab.name)) == 1


@pytest.mark.proves("create_net")
async def test_a_network_of_somebody_else_is_used_as_it_is(lab: Lab) -> None:
    pool = schema.IPAMPool(subnet="172.31.250.0/26", gateway="172.31.250.62")
    await lab.client.networks.create(schema.NetworkCreate(name=lab.name, ipam=schema.IPAM(config=[pool])))
    await lab.runtime.create_net()
    assert lab.runtime.mgmt.ipv4_subnet == "172.31.250.0/26"
    assert lab.runtime.mgmt.ipv4_gw == "172.31.250.62"


@pytest.mark.proves("create_net")
@pytest.mark.parametrize("with_subnet", [False, True])
async def test_two_labs_that_create_the_network_at_once_share_it(
    lab: Lab, differs: Differs, *, with_subnet: bool
) -> None:
    errors: list[ContainerRuntimeError] = []

    async def create(runtime: ContainerRuntime, mgmt: MgmtNet) -> None:
        runtime.with_mgmt_net(mgmt)
        try:
            await runtime.create_net()
        except ContainerRuntimeError as exc:
            errors.append(exc)

    async with another_runtime(lab.engine, with_mgmt_net(lab.runtime.mgmt)) as other:
        for number in range(ROUNDS):
            name = f"{lab.name}-{number}"
            mgmt = mgmt_net(name) if with_subnet else MgmtNet(network=name, mtu=1500)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(create, lab.runtime, mgmt)
                tasks.start_soon(create, other, mgmt)
            found = await networks(lab, name)
            for network in found:
                await lab.client.networks.remove(network.id)
            assert not errors
            assert len(found) == 1
            assert lab.runtime.mgmt == other.mgmt
            assert is_usual(lab.runtime.mgmt.bridge, found[0], differs)


@pytest.mark.proves("create_net")
async def test_a_subnet_that_is_taken_is_an_error_that_names_both_networks(lab: Lab) -> None:
    await lab.runtime.create_net()
    subnet = ip_network(lab.runtime.mgmt.ipv4_subnet)
    smaller = next(iter(subnet.subnets(new_prefix=28)))
    mgmt = MgmtNet(network=f"{lab.name}-other", ipv4_subnet=str(smaller), mtu=1500)
    async with another_runtime(lab.engine, with_mgmt_net(mgmt)) as other:
        with pytest.raises(SubnetOverlapError) as caught:
            await other.create_net()
    error = caught.value
    assert str(error).count(lab.name) == 2
    assert (error.network, error.other_network) == (f"{lab.name}-other", lab.name)
    assert (error.subnet, error.other_subnet) == (str(smaller), str(subnet))


async def test_an_ipv6_subnet_that_is_taken_is_an_error_too(lab: Lab) -> None:
    lab.runtime.with_mgmt_net(msgspec.structs.replace(lab.runtime.mgmt, ipv6_subnet="fd00:c1ab:1::/64"))
    await lab.runtime.create_net()
    lab.runtime.with_mgmt_net(
        MgmtNet(network=f"{lab.name}-other", ipv4_subnet="172.31.251.0/24", ipv6_subnet="fd00:c1ab:1::/80")
    )
    with pytest.raises(SubnetOverlapError) as caught:
        await lab.runtime.create_net()
    assert (caught.value.subnet, caught.value.other_subnet) == ("fd00:c1ab:1::/80", "fd00:c1ab:1::/64")


async def test_a_subnet_that_is_none_is_refused_before_any_request(lab: Lab) -> None:
    lab.runtime.with_mgmt_net(MgmtNet(network=lab.name, ipv4_subnet="172.31.1.1/24", mtu=1500))
    with pytest.raises(InvalidValueError, match="ipv4-subnet"):
        await lab.runtime.create_net()


# ---------------------------------------------------------------- delete


@pytest.mark.proves("delete_net")
async def test_a_network_is_deleted_once_and_again(lab: Lab) -> None:
    await lab.runtime.create_net()
    await lab.runtime.delete_net()
    assert not await networks(lab, lab.name)
    await lab.runtime.delete_net()


@pytest.mark.proves("delete_net")
async def test_two_that_delete_the_network_at_once_both_succeed(lab: Lab) -> None:
    await lab.runtime.create_net()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lab.runtime.delete_net)
        tasks.start_soon(lab.runtime.delete_net)
    assert not await networks(lab, lab.name)


@pytest.mark.proves("delete_net", "with_keep_mgmt_net")
async def test_a_network_that_is_kept_stays(lab: Lab) -> None:
    await lab.runtime.create_net()
    with_keep_mgmt_net()(lab.runtime)
    await lab.runtime.delete_net()
    assert await networks(lab, lab.name)


@pytest.mark.proves("delete_net")
async def test_a_network_without_the_label_stays(lab: Lab) -> None:
    await lab.client.networks.create(schema.NetworkCreate(name=lab.name))
    await lab.runtime.delete_net()
    assert await networks(lab, lab.name)


@pytest.mark.proves("delete_net")
async def test_a_network_with_a_node_on_it_stays(lab: Lab) -> None:
    await lab.runtime.create_net()
    await lab.start(lab.node(network_mode=""))
    await lab.runtime.delete_net()
    assert await networks(lab, lab.name)


@pytest.mark.proves("delete_net")
async def test_a_network_with_a_node_that_has_never_run_goes_if_the_engine_lets_it(lab: Lab, differs: Differs) -> None:
    await lab.runtime.create_net()
    await lab.runtime.create_container(lab.node(network_mode=""))
    await lab.runtime.delete_net()
    assert bool(await networks(lab, lab.name)) == bool(differs("created-container-keeps-network"))


@pytest.mark.proves("delete_net")
async def test_a_network_goes_right_after_its_last_nodes(lab: Lab) -> None:
    await lab.runtime.create_net()
    nodes = [lab.node(f"r{number}", network_mode="") for number in range(4)]
    async with anyio.create_task_group() as tasks:
        for node in nodes:
            tasks.start_soon(lab.start, node)
    async with anyio.create_task_group() as tasks:
        for node in nodes:
            tasks.start_soon(lab.runtime.delete_container, node.long_name)
    await lab.runtime.delete_net()
    assert not await networks(lab, lab.name)


@pytest.mark.proves("create_net", "delete_net")
async def test_the_default_bridge_is_used_and_never_deleted(
    engine: Engine, differs: Differs, no_leaks: NoLeaks
) -> None:
    default = differs("default-bridge")
    async with no_leaks(), open_lab(engine) as lab:
        await lab.runtime.init(with_mgmt_net(MgmtNet(network="bridge")))
        await lab.runtime.create_net()
        await lab.runtime.delete_net()
        assert lab.runtime.mgmt.bridge == (default.value if default else "docker0")
        assert await networks(lab, "bridge")
