"""The management network as a request to create it."""

from ipaddress import IPv6Network

import pytest

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.docker_network_spec import network_request

OPEN = {
    "com.docker.network.bridge.gateway_mode_ipv4": "nat-unprotected",
    "com.docker.network.bridge.gateway_mode_ipv6": "nat-unprotected",
}


def test_a_plain_network_is_a_labelled_bridge_and_leaves_the_rest_to_the_engine() -> None:
    made = network_request(MgmtNet(), "20.10.24+dfsg1")
    assert made == schema.NetworkCreate(
        name="clab", check_duplicate=True, driver="bridge", labels={"containerlab": ""}, ipam=schema.IPAM()
    )


def test_subnets_gateways_and_ranges_are_asked_for() -> None:
    mgmt = MgmtNet(
        ipv4_subnet="172.20.20.0/24",
        ipv4_gw="172.20.20.254",
        ipv4_range="172.20.20.128/25",
        ipv6_subnet="3fff:172:20:20::/64",
        ipv6_gw="3fff:172:20:20::1",
        ipv6_range="3fff:172:20:20:1::/80",
    )
    made = network_request(mgmt, "28.5.2")
    assert made.enable_ipv6
    assert made.ipam.config == [
        schema.IPAMPool(subnet="172.20.20.0/24", gateway="172.20.20.254", ip_range="172.20.20.128/25"),
        schema.IPAMPool(subnet="3fff:172:20:20::/64", gateway="3fff:172:20:20::1", ip_range="3fff:172:20:20:1::/80"),
    ]


def test_ipv6_is_off_without_an_ipv6_subnet() -> None:
    assert not network_request(MgmtNet(ipv4_subnet="172.20.20.0/24"), "28.5.2").enable_ipv6


def test_an_automatic_ipv6_subnet_is_a_random_unique_local_64() -> None:
    subnets: set[str] = set()
    for _ in range(20):
        pools = network_request(MgmtNet(ipv6_subnet="auto"), "28.5.2").ipam.config
        assert pools is not None
        subnet = IPv6Network(pools[0].subnet)
        assert subnet.subnet_of(IPv6Network("fd00::/8"))
        assert subnet.prefixlen == 64
        subnets.add(str(subnet))
    assert len(subnets) > 15


@pytest.mark.parametrize(
    ("words", "refused"),
    [
        ({"ipv4-subnet": "172.20.20.0"}, "ipv4-subnet"),
        ({"ipv4-subnet": "172.20.20.1/24"}, "ipv4-subnet"),
        ({"ipv4-subnet": "172.20.20.0/33"}, "ipv4-subnet"),
        ({"ipv4-subnet": "fd00::/64"}, "ipv4-subnet"),
        ({"ipv4-subnet": "auto"}, "ipv4-subnet"),
        ({"ipv6-subnet": "172.20.20.0/24"}, "ipv6-subnet"),
        ({"ipv6-subnet": "fd00::1/64"}, "ipv6-subnet"),
        ({"ipv4-gw": "172.20.20.1"}, "ipv4-gw"),
        ({"ipv4-range": "172.20.20.0/25"}, "ipv4-range"),
        ({"ipv4-subnet": "172.20.20.0/24", "ipv4-gw": "172.20.21.1"}, "ipv4-gw"),
        ({"ipv4-subnet": "172.20.20.0/24", "ipv4-gw": "172.20.20.1/24"}, "ipv4-gw"),
        ({"ipv4-subnet": "172.20.20.0/24", "ipv4-gw": "fd00::1"}, "ipv4-gw"),
        ({"ipv4-subnet": "172.20.20.0/24", "ipv4-range": "172.20.0.0/16"}, "ipv4-range"),
        ({"ipv4-subnet": "172.20.20.0/24", "ipv4-range": "172.20.20.1/25"}, "ipv4-range"),
        ({"ipv6-subnet": "fd00::/64", "ipv6-gw": "fd01::1"}, "ipv6-gw"),
        ({"ipv6-subnet": "fd00::/64", "ipv6-range": "fd00:0:0:1::/80"}, "ipv6-range"),
        ({"ipv6-subnet": "auto", "ipv6-gw": "fd00::1"}, "ipv6-gw"),
        ({"ipv6-subnet": "auto", "ipv6-range": "fd00::/80"}, "ipv6-range"),
        ({"bridge": "a-bridge-too-long"}, "bridge"),
        ({"bridge": "br 0"}, "bridge"),
        ({"mtu": 67}, "mtu"),
        ({"mtu": -1}, "mtu"),
        ({"mtu": 65536}, "mtu"),
        ({"network": ""}, "network"),
        ({"network": "host"}, "network"),
    ],
)
def test_a_malformed_network_is_refused_under_its_word(words: dict[str, object], refused: str) -> None:
    with pytest.raises(InvalidValueError) as raised:
        network_request(MgmtNet.from_containerlab(words), "28.5.2")
    assert raised.value.field == refused


def test_mtu_and_bridge_name_are_options_of_the_driver() -> None:
    assert network_request(MgmtNet(mtu=1400, bridge="br-lab"), "27.5.1").options == {
        "com.docker.network.driver.mtu": "1400",
        "com.docker.network.bridge.name": "br-lab",
    }


@pytest.mark.parametrize(
    ("version", "options"),
    [
        ("28.0.0", OPEN),
        ("28.0.0-rc.1", OPEN),
        ("28.5.2", OPEN),
        ("29.7.0-dev", OPEN),
        ("27.5.1", {}),
        ("20.10.24+dfsg1", {}),
        ("5.8.6", {}),
        ("", {}),
        ("dev", {}),
    ],
)
def test_docker_28_is_asked_to_leave_ports_open(version: str, options: dict[str, str]) -> None:
    assert network_request(MgmtNet(), version).options == options


def test_the_users_options_win() -> None:
    wanted = {
        "com.docker.network.driver.mtu": "9000",
        "com.docker.network.bridge.gateway_mode_ipv4": "routed",
        "x": "y",
    }
    assert network_request(MgmtNet(mtu=1400, driver_opts=wanted), "28.5.2").options == {**OPEN, **wanted}
