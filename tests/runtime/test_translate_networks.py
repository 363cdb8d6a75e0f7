"""The management network as engines have it, and the networks in its way."""

import json
from pathlib import Path

import msgspec
import pytest

from clab_runtime.engine import schema
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.docker_networks import DockerNetworks
from clab_runtime.runtime.network_reply import find_overlap, mgmt_from_network
from clab_runtime.runtime.podman_network_reply import network_from_reply

RAW = json.loads((Path(__file__).parent / "data" / "networks.json").read_text())
USED = {name: msgspec.convert(reply, schema.Network) for name, reply in RAW.items() if not name.endswith("list")}
LISTS = {name: msgspec.convert(reply, list[schema.Network]) for name, reply in RAW.items() if name.endswith("list")}

TOLD = MgmtNet(
    network="n1",
    bridge="br-n1x",
    mtu=1400,
    ipv4_subnet="10.201.0.0/24",
    ipv4_gw="10.201.0.254",
    ipv4_range="10.201.0.128/25",
    ipv6_subnet="fd00:201::/64",
    ipv6_gw="fd00:201::ff",
)
"""How the same network is told, whichever engine has it."""


def network(**changes: object) -> schema.Network:
    return msgspec.structs.replace(schema.Network(id="0123456789abcdef", name="clab", driver="bridge"), **changes)


def with_subnets(name: str, *subnets: str) -> schema.Network:
    return network(name=name, ipam=schema.IPAM(config=[schema.IPAMPool(subnet=subnet) for subnet in subnets]))


def test_dockers_network_is_told_as_it_is() -> None:
    assert mgmt_from_network(MgmtNet(network="n1"), USED["docker-28.5"], "br-n1x") == TOLD


def test_podmans_network_is_told_as_it_is() -> None:
    subnets = [
        schema.LibpodSubnet("10.201.0.0/24", "10.201.0.254", schema.LibpodLeaseRange("10.201.0.128", "10.201.0.254")),
        schema.LibpodSubnet("fd00:201::/64", "fd00:201::ff"),
    ]
    reply = schema.LibpodNetwork(
        id="x", name="n1", driver="bridge", network_interface="br-n1x", subnets=subnets, options={"mtu": "1400"}
    )
    assert mgmt_from_network(MgmtNet(network="n1", ipv6_range="fd01::/80"), network_from_reply(reply), "br-n1x") == TOLD


def test_what_the_engine_has_wins_over_what_was_asked_for() -> None:
    asked = MgmtNet(bridge="br-lab", ipv4_subnet="10.1.0.0/24", ipv4_gw="10.1.0.1", ipv6_subnet="auto")
    told = mgmt_from_network(asked, with_subnets("clab", "10.2.0.0/24"), "br-x")
    assert told == MgmtNet(bridge="br-x", ipv4_subnet="10.2.0.0/24", ipv4_gw="10.2.0.1")


@pytest.mark.parametrize(
    ("subnet", "ip_range", "gateway"),
    [
        ("10.9.0.0/24", "", "10.9.0.1"),
        ("10.9.0.0/24", "10.9.0.0/25", "10.9.0.1"),
        ("10.9.0.0/24", "10.9.0.128/25", "10.9.0.128"),
        ("10.9.0.0/24", "10.9.0.200/32", "10.9.0.200"),
        ("10.9.0.0/31", "", "10.9.0.0"),
    ],
)
def test_a_gateway_that_docker_chose_and_does_not_tell_is_worked_out(subnet: str, ip_range: str, gateway: str) -> None:
    ipam = schema.IPAM(config=[schema.IPAMPool(subnet=subnet, ip_range=ip_range)])
    assert mgmt_from_network(MgmtNet(ipv4_gw="10.9.0.77"), network(ipam=ipam), "").ipv4_gw == gateway
    assert not mgmt_from_network(MgmtNet(), network(ipam=ipam, driver="ipvlan"), "").ipv4_gw


@pytest.mark.parametrize(
    ("subnet", "ip_range", "gateway"),
    [
        ("fd09::/64", "", "fd09::1"),
        ("fd09::/64", "fd09:0:0:0:1::/80", "fd09::1:0:0:0"),
        ("fd09::/64", "fd09::100/120", "fd09::100"),
        ("fd09::/127", "", "fd09::1"),
    ],
)
def test_an_ipv6_gateway_that_docker_chose_is_worked_out(subnet: str, ip_range: str, gateway: str) -> None:
    ipam = schema.IPAM(config=[schema.IPAMPool(subnet=subnet, ip_range=ip_range)])
    assert mgmt_from_network(MgmtNet(), network(ipam=ipam), "").ipv6_gw == gateway


def test_a_gateway_with_a_prefix_length_is_told_without() -> None:
    ipam = schema.IPAM(config=[schema.IPAMPool(subnet="fd00::/64", gateway="fd00::1/64")])
    assert mgmt_from_network(MgmtNet(), network(ipam=ipam), "").ipv6_gw == "fd00::1"


@pytest.mark.parametrize(
    ("changes", "bridge"),
    [
        ({}, "br-0123456789ab"),
        ({"options": {"com.docker.network.bridge.name": "lab0"}}, "lab0"),
        ({"name": "bridge"}, "docker0"),
        ({"name": "bridge", "options": {"com.docker.network.bridge.name": "br9"}}, "br9"),
        ({"driver": "macvlan", "options": {"com.docker.network.bridge.name": "lab0"}}, ""),
        ({"driver": "host"}, ""),
    ],
)
def test_the_bridge_is_known(changes: dict[str, object], bridge: str) -> None:
    assert DockerNetworks().bridge(network(**changes)) == bridge


@pytest.mark.parametrize("name", LISTS)
def test_dockers_default_network_has_its_bridge_and_mtu(name: str) -> None:
    (default,) = (listed for listed in LISTS[name] if listed.name == "bridge")
    told = mgmt_from_network(MgmtNet(network="bridge"), default, DockerNetworks().bridge(default))
    assert (told.bridge, told.mtu, told.ipv4_subnet) == ("docker0", 1500, "172.17.0.0/16")
    assert told.ipv4_gw == "172.17.0.1"


@pytest.mark.parametrize("options", [None, {}, {"mtu": ""}, {"com.docker.network.driver.mtu": "big"}])
def test_an_mtu_that_the_engine_does_not_tell_stays_as_asked_for(options: object) -> None:
    assert mgmt_from_network(MgmtNet(mtu=1400), network(options=options), "").mtu == 1400


def test_an_overlap_names_both_networks_and_both_subnets() -> None:
    others = [with_subnets("a", "10.0.0.0/8"), with_subnets("b", "fd00::/64", "172.20.0.0/16")]
    found = find_overlap(["172.20.20.0/24", ""], others, "clab")
    assert found is not None
    assert (found.network, found.subnet) == ("clab", "172.20.20.0/24")
    assert (found.other_network, found.other_subnet) == ("b", "172.20.0.0/16")


def test_an_overlap_is_found_in_ipv6() -> None:
    found = find_overlap(["10.0.0.0/24", "fd00:201::/72"], list(USED.values())[:1], "clab")
    assert found is not None
    assert found.other_subnet == "fd00:201::/64"


@pytest.mark.parametrize(
    ("subnets", "networks"),
    [
        (["172.20.20.0/24"], [with_subnets("other", "172.20.21.0/24", "fd00::/64")]),
        (["172.20.20.0/24"], [with_subnets("clab", "172.20.20.0/24")]),
        (["", "auto"], [with_subnets("other", "0.0.0.0/0", "::/0")]),
        (["172.20.20.0/24"], [with_subnets("other", "", "nonsense")]),
        (["172.20.20.0/24"], [network(name="none", ipam=schema.IPAM())]),
    ],
)
def test_a_network_that_is_not_in_the_way_is_no_overlap(subnets: list[str], networks: list[schema.Network]) -> None:
    assert find_overlap(subnets, networks, "clab") is None


@pytest.mark.parametrize("name", LISTS)
def test_a_subnet_beside_dockers_default_network_is_free(name: str) -> None:
    assert find_overlap(["172.20.20.0/24"], LISTS[name], "clab") is None
    assert find_overlap(["172.17.5.0/24"], LISTS[name], "clab") is not None
