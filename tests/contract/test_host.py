"""The host side of a lab, by a runtime in the engine's own network namespace; looked at with the system's tools.

A rootless engine's bridges are in a network namespace of its user's, where no process of the host is.
"""

import secrets
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_network

import anyio
import msgspec
import pytest

from clab_runtime import ContainerStatus, MgmtNet, with_mgmt_net
from clab_runtime.engine import schema
from tests.contract.differences import Differs
from tests.contract.engine_netns import (
    COMMENT,
    Remote,
    RemoteError,
    Remotes,
    accepting,
    bridges,
    group_fwd_mask,
    open_to_the_group,
    outside,
    remotes,
    rp_filters,
    rp_filters_set,
    rules,
    run,
    user_chains,
)
from tests.contract.lab import Lab, mgmt_net, over_tcp, runtime_for, until
from tests.engines import Engine

__all__ = ["remotes"]

pytestmark = [pytest.mark.anyio, pytest.mark.rooted]

LLDP = 16384
ROUNDS = 4


@pytest.fixture(autouse=True)
def user_chain(engine: Engine) -> Generator[None]:
    """Have the chain for a user's own rules, and fail the test that leaves any; they are removed for the next one."""
    with user_chains(engine):
        yield
        left = {tool: rules(engine, tool) for tool in ("iptables", "ip6tables")}
        for tool, lines in left.items():
            for line in lines:
                run(engine, tool, "-w", "-D", *shlex.split(line)[1:])
    assert not any(left.values()), left


@contextmanager
def rules_of_others(engine: Engine, bridge: str) -> Generator[list[str]]:
    """Have rules like those of a lab: with another comment, and for another bridge."""
    others = [["-i", bridge, "-m", "comment", "--comment", "mine", "-j", "ACCEPT"],
              ["-o", f"{bridge}x", "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"]]  # fmt: skip
    for rule in others:
        run(engine, "iptables", "-w", "-A", "DOCKER-USER", *rule)
    try:
        yield rules(engine)
    finally:
        for rule in others:
            run(engine, "iptables", "-w", "-D", "DOCKER-USER", *rule)


@contextmanager
def linux_bridge(engine: Engine, name: str, *addresses: str) -> Generator[None]:
    """Have a bridge that the engine has not made."""
    run(engine, "ip", "link", "add", name, "type", "bridge")
    try:
        for address in addresses:
            run(engine, "ip", "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
        run(engine, "ip", "link", "set", name, "up")
        yield
    finally:
        run(engine, "ip", "link", "delete", name)


def named(lab: Lab, **words: object) -> MgmtNet:
    """Describe the lab's network with a bridge of a name that is known beforehand."""
    return msgspec.structs.replace(lab.runtime.mgmt, bridge=f"{lab.name}b", **words)


def ip6_rules_of(lab: Lab, bridge: str) -> set[str]:
    """Tell which rules for IPv6 there are to be: before Docker 27 it left IPv6 alone, and had no chain for it."""
    is_old = lab.engine.kind == "docker" and lab.engine.version < "27"
    return set() if is_old else accepting(bridge)


@asynccontextmanager
async def with_bridge(lab: Lab, runtime: Remote, differs: Differs, name: str = "r1") -> AsyncGenerator[list[str]]:
    """Have the network's bridge: where it comes with a container, one starts, and ends; tells what that warns of."""
    node = lab.node(name, network_mode="")
    late = differs("bridge-comes-with-containers")
    yield (await runtime.call("start", node)).warnings if late else []
    if late:
        await runtime.call("delete", node.long_name)


# ---------------------------------------------------------------- set up and undone


@pytest.mark.proves("create_net", "delete_net", "start_container")
@pytest.mark.parametrize("with_nft", [True, False], ids=["nft", "iptables"])
async def test_the_host_is_set_up_for_a_bridge_once_and_as_before_when_it_goes(
    lab: Lab, remotes: Remotes, differs: Differs, *, with_nft: bool
) -> None:
    engine, mgmt = lab.engine, named(lab)
    runtime = await remotes.get(engine, with_nft=with_nft)
    with rules_of_others(engine, mgmt.bridge) as others, rp_filters_set(engine, "2"):
        await runtime.call("init", mgmt)
        for _ in range(2):
            assert (await runtime.call("create_net")).warnings == []
            async with with_bridge(lab, runtime, differs) as warnings:
                assert warnings == []
                assert sorted(rules(engine)) == sorted({*accepting(mgmt.bridge), *others})
                assert set(rules(engine, "ip6tables")) == ip6_rules_of(lab, mgmt.bridge)
                assert group_fwd_mask(engine, mgmt.bridge) == LLDP
                assert rp_filters(engine) == ["0", "0"]
        assert (await runtime.call("delete_net")).warnings == []
        assert rules(engine) == others
        assert rules(engine, "ip6tables") == []
        assert rp_filters(engine) == ["2", "2"]


@pytest.mark.proves("create_net", "start_container")
async def test_a_node_can_be_reached_from_outside(lab: Lab, remotes: Remotes) -> None:
    node = lab.node(cmd="httpd -f -p 80", network_mode="")
    runtime = await remotes.get(lab.engine)
    await runtime.call("init", named(lab))
    await runtime.call("create_net")
    await runtime.call("start", node)
    (container,) = await lab.runtime.list_containers()
    connect = f"import socket; socket.create_connection(({container.ipv4.partition('/')[0]!r}, 80), 1)"
    with outside(lab.engine) as enter:

        async def answers() -> bool:
            result = await anyio.run_process(
                [*enter, sys.executable, "-c", connect], check=False, stderr=subprocess.DEVNULL
            )
            return result.returncode == 0

        await until(answers)
    await runtime.call("delete", node.long_name)
    await runtime.call("delete_net")


async def test_many_nodes_that_start_at_once_set_the_host_up_once(lab: Lab, remotes: Remotes) -> None:
    engine, mgmt = lab.engine, named(lab)
    runtime = await remotes.get(engine)
    await runtime.call("init", mgmt)
    await runtime.call("create_net")
    nodes = [lab.node(f"r{number}", network_mode="") for number in range(4)]
    assert (await runtime.call("start_all", nodes)).warnings == []
    assert sorted(rules(engine)) == sorted(accepting(mgmt.bridge))
    assert group_fwd_mask(engine, mgmt.bridge) == LLDP
    for node in nodes:
        await runtime.call("delete", node.long_name)
    await runtime.call("delete_net")


async def test_a_lab_that_wants_no_access_from_outside_gets_no_rules(
    lab: Lab, remotes: Remotes, differs: Differs
) -> None:
    engine, mgmt = lab.engine, named(lab, external_access=False)
    runtime = await remotes.get(engine)
    await runtime.call("init", mgmt)
    if differs("external-access-false"):
        with pytest.raises(RemoteError, match=r"UnsupportedOperationError.*external-access false"):
            await runtime.call("create_net")
        return
    assert (await runtime.call("create_net")).warnings == []
    assert rules(engine) == rules(engine, "ip6tables") == []
    assert group_fwd_mask(engine, mgmt.bridge) == LLDP
    await runtime.call("delete_net")


async def test_rules_go_with_a_network_that_is_gone_already_and_stay_with_one_in_use(
    lab: Lab, remotes: Remotes
) -> None:
    engine, mgmt = lab.engine, named(lab)
    runtime = await remotes.get(engine)
    await runtime.call("init", mgmt)
    await runtime.call("create_net")
    node = lab.node(network_mode="")
    await runtime.call("start", node)
    await runtime.call("delete_net")
    assert set(rules(engine)) == accepting(mgmt.bridge)
    await runtime.call("delete", node.long_name)
    await lab.client.networks.remove(lab.name)
    await runtime.call("delete_net")
    assert rules(engine) == []


async def test_the_engines_own_bridge_is_set_up_and_set_back_too(lab: Lab, remotes: Remotes, differs: Differs) -> None:
    engine = lab.engine
    default = differs("default-bridge")
    bridge = str(default.value) if default else "docker0"
    before = group_fwd_mask(engine, bridge) if bridge in bridges(engine) else 0
    runtime = await remotes.get(engine)
    await runtime.call("init", MgmtNet(network="bridge"))
    assert (await runtime.call("create_net")).mgmt.bridge == bridge
    async with with_bridge(lab, runtime, differs):
        assert set(rules(engine)) == accepting(bridge)
        assert group_fwd_mask(engine, bridge) == before | LLDP
    assert (await runtime.call("delete_net")).warnings == []
    assert rules(engine) == []
    assert bridge not in bridges(engine) or group_fwd_mask(engine, bridge) == before


async def test_the_filters_stay_off_while_another_lab_has_a_network(
    lab: Lab, remotes: Remotes, differs: Differs
) -> None:
    other = schema.NetworkCreate(name=f"{lab.name}-other", labels={"containerlab": ""})
    runtime = await remotes.get(lab.engine)
    with rp_filters_set(lab.engine, "1"):
        await runtime.call("init", named(lab))
        await runtime.call("create_net")
        async with with_bridge(lab, runtime, differs):
            await lab.client.networks.create(other)
        await runtime.call("delete_net")
        assert rp_filters(lab.engine) == ["0", "0"]
        await lab.client.networks.remove(other.name)
        await runtime.call("delete_net")
        assert rp_filters(lab.engine) == ["1", "1"]


# ---------------------------------------------------------------- without the rights


async def test_what_a_process_has_no_right_to_do_is_a_warning_each_and_the_lab_works(
    lab: Lab, remotes: Remotes
) -> None:
    node = lab.node(network_mode="")
    runtime = await remotes.get(lab.engine)
    with rp_filters_set(lab.engine, "1"), open_to_the_group(lab.engine):
        await runtime.call("init", named(lab))
        await runtime.call("drop_rights")
        warnings = (await runtime.call("create_net")).warnings
        assert (await runtime.call("create_net")).warnings == []
        warnings += (await runtime.call("start", node)).warnings
        assert [text.partition(":")[0] for text in warnings] == [
            "rp_filter stays on",
            "LLDP forwarding stays off",
            "no accept rules in DOCKER-USER",
            "network namespaces are not linked",
        ]
        assert await lab.runtime.get_container_status(node.long_name) is ContainerStatus.RUNNING
        await runtime.call("delete", node.long_name)
        await runtime.call("delete_net")
        assert rp_filters(lab.engine) == ["1", "1"]
    assert lab.name not in {network.name for network in await lab.client.networks.list()}


async def test_a_bridge_that_is_elsewhere_is_a_warning_and_nothing_is_touched(
    lab: Lab, differs: Differs, caplog: pytest.LogCaptureFixture
) -> None:
    with rp_filters_set(lab.engine, "1"):
        await lab.runtime.create_net()
        await lab.runtime.create_net()
        if differs("bridge-comes-with-containers"):
            assert not caplog.records
            await lab.start(lab.node("r1", network_mode=""))
            await lab.start(lab.node("r2", network_mode=""))
        assert rp_filters(lab.engine) == ["1", "1"]
    (record,) = caplog.records
    assert f"{lab.runtime.mgmt.bridge} is not in this process's network namespace" in record.getMessage()


async def test_the_host_of_an_engine_that_may_be_elsewhere_is_left_alone(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    async with over_tcp(lab.engine) as address:
        runtime = runtime_for(lab.engine, address)
        await runtime.init(with_mgmt_net(lab.runtime.mgmt))
        await runtime.create_net()
        await runtime.delete_net()
        await runtime.aclose()
    (record,) = caplog.records
    assert f"the engine at {address} may be on another one" in record.getMessage()


# ---------------------------------------------------------------- a bridge that is there already


async def test_the_addresses_of_a_bridge_that_is_there_become_the_gateways(
    lab: Lab, remotes: Remotes, differs: Differs
) -> None:
    engine = lab.engine
    subnet = ip_network(lab.runtime.mgmt.ipv4_subnet)
    ipv6 = ip_network(f"fd00:{secrets.randbelow(1 << 16):x}::/64")
    asked = named(lab, ipv6_subnet="auto")
    runtime = await remotes.get(engine)
    with linux_bridge(engine, asked.bridge, "192.0.2.9/24", f"{subnet[129]}/24", f"{ipv6[7]}/64"):
        await runtime.call("init", asked)
        if differs("existing-bridge-with-addresses"):
            with pytest.raises(RemoteError, match=r"UnsupportedOperationError.*bridge that has its addresses already"):
                await runtime.call("create_net")
            return
        answer = await runtime.call("create_net")
        made = await lab.client.networks.inspect(lab.name)
        assert {pool.subnet: pool.gateway for pool in made.ipam.config or ()} == {
            str(subnet): str(subnet[129]),
            str(ipv6): str(ipv6[7]),
        }
        assert (answer.mgmt.ipv4_gw, answer.mgmt.ipv6_gw) == (str(subnet[129]), str(ipv6[7]))
        assert group_fwd_mask(engine, asked.bridge) == LLDP
        node = lab.node(network_mode="")
        await runtime.call("start", node)
        (container,) = await lab.runtime.list_containers()
        assert container.network_settings.ipv4_gw == str(subnet[129])
        await runtime.call("delete", node.long_name)
        await runtime.call("delete_net")
        assert group_fwd_mask(engine, asked.bridge) == 0


async def test_the_subnet_of_a_bridge_that_is_there_is_taken_where_none_is_asked_for(
    lab: Lab, remotes: Remotes, differs: Differs
) -> None:
    subnet = ip_network(lab.runtime.mgmt.ipv4_subnet)
    runtime = await remotes.get(lab.engine)
    with linux_bridge(lab.engine, f"{lab.name}b", f"{subnet[9]}/24"):
        await runtime.call("init", named(lab, ipv4_subnet=""))
        if differs("existing-bridge-with-addresses"):
            with pytest.raises(RemoteError, match=r"UnsupportedOperationError.*bridge that has its addresses already"):
                await runtime.call("create_net")
            return
        mgmt = (await runtime.call("create_net")).mgmt
        assert (mgmt.ipv4_subnet, mgmt.ipv4_gw) == (str(subnet), str(subnet[9]))
        await runtime.call("delete_net")


# ---------------------------------------------------------------- a network of another driver


@pytest.mark.proves("create_net", "delete_net")
async def test_a_macvlan_network_is_used_as_it_is_and_the_host_is_left_alone(lab: Lab, remotes: Remotes) -> None:
    engine, subnet = lab.engine, ip_network(lab.runtime.mgmt.ipv4_subnet)
    parent = f"{lab.name}p"
    pool = schema.IPAMPool(subnet=str(subnet), gateway=str(subnet[1]))
    network = schema.NetworkCreate(
        name=lab.name, driver="macvlan", ipam=schema.IPAM(config=[pool]), options={"parent": parent}
    )
    runtime = await remotes.get(engine)
    with linux_bridge(engine, parent), rp_filters_set(engine, "1"):
        await lab.client.networks.create(network)
        await runtime.call("init", lab.runtime.mgmt)
        answer = await runtime.call("create_net")
        assert (answer.mgmt.bridge, answer.mgmt.ipv4_gw, answer.warnings) == ("", str(subnet[1]), [])
        node = msgspec.structs.replace(lab.node(network_mode=""), mgmt_ipv4_address=str(subnet[33]))
        await runtime.call("start", node)
        (container,) = await lab.runtime.list_containers()
        assert container.ipv4 == f"{subnet[33]}/24"
        await runtime.call("delete", node.long_name)
        await runtime.call("delete_net")
        assert rules(engine) == []
        assert rp_filters(engine) == ["1", "1"]
        assert (await lab.client.networks.inspect(lab.name)).driver == "macvlan"
        await lab.client.networks.remove(lab.name)


# ---------------------------------------------------------------- two processes


@pytest.mark.proves("create_net")
async def test_two_processes_that_create_the_network_at_once_share_it(
    lab: Lab, remotes: Remotes, differs: Differs
) -> None:
    one, other = await remotes.get(lab.engine), await remotes.get(lab.engine, 1)
    late = differs("bridge-comes-with-containers")
    for number in range(ROUNDS):
        mgmt = msgspec.structs.replace(mgmt_net(f"{lab.name}-{number}"), bridge=f"{lab.name}{number}")
        await _both(one, other, "init", mgmt)
        found = await _both(one, other, "create_net")
        assert found[0] == found[1]
        (network,) = [item for item in await lab.client.networks.list() if item.name == mgmt.network]
        if not (late and number):  # one round of containers is enough
            async with with_bridge(lab, one, differs), with_bridge(lab, other, differs, "r2"):
                assert set(rules(lab.engine)) == accepting(mgmt.bridge)
        await _both(one, other, "delete_net")
        assert network.name not in {item.name for item in await lab.client.networks.list()}
        assert rules(lab.engine) == []


async def _both(one: Remote, other: Remote, name: str, mgmt: MgmtNet | str = "") -> list[MgmtNet]:
    """Have both processes make a call at once."""
    found: list[MgmtNet] = []

    async def call(process: Remote) -> None:
        found.append((await process.call(name, mgmt)).mgmt)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, one)
        tasks.start_soon(call, other)
    return found
