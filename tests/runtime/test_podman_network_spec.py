"""The management network in Podman's words, as it is asked for and as it is told."""

from ipaddress import ip_interface

import msgspec
import pytest

from clab_runtime import InvalidValueError, MgmtNet, UnsupportedOperationError
from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.host.netlink import IPInterface
from clab_runtime.runtime.network_reply import mgmt_from_network
from clab_runtime.runtime.podman_network_reply import network_from_reply
from clab_runtime.runtime.podman_network_spec import network_request
from clab_runtime.runtime.podman_networks import PodmanNetworks

NETWORKS = PodmanNetworks()
MTU = "com.docker.network.driver.mtu"
BRIDGE = "com.docker.network.bridge.name"


def podman(major: int, minor: int) -> EngineInfo:
    return EngineInfo("podman", f"{major}.{minor}.1", APIVersion(1, 41), APIVersion(major, minor))


OLD, NEW, NEWEST = podman(4, 3), podman(5, 4), podman(5, 8)


def sent(mgmt: MgmtNet) -> dict[str, object]:
    """Write the request as it goes over the wire."""
    body: dict[str, object] = msgspec.json.decode(msgspec.json.encode(network_request(mgmt)))
    return body


def told_range(subnet: schema.LibpodSubnet) -> str:
    """Tell the range of a network's only subnet in Docker's words."""
    pools = network_from_reply(schema.LibpodNetwork(id="x", subnets=[subnet])).ipam.config
    assert pools is not None
    return pools[0].ip_range


# ---------------------------------------------------------------- asked for


def test_a_network_is_a_labelled_bridge_where_nodes_know_each_other_by_name() -> None:
    assert sent(MgmtNet()) == {
        "name": "clab",
        "driver": "bridge",
        "dns_enabled": True,
        "labels": {"containerlab": ""},
    }


def test_every_word_has_its_place() -> None:
    mgmt = MgmtNet(
        network="lab",
        bridge="br-lab",
        ipv4_subnet="172.20.20.0/24",
        ipv4_gw="172.20.20.254",
        ipv4_range="172.20.20.64/26",
        ipv6_subnet="fd00::/64",
        ipv6_gw="fd00::ff",
        ipv6_range="fd00::8000/113",
        mtu=1400,
    )
    assert sent(mgmt) == {
        "name": "lab",
        "driver": "bridge",
        "network_interface": "br-lab",
        "subnets": [
            {
                "subnet": "172.20.20.0/24",
                "gateway": "172.20.20.254",
                "lease_range": {"start_ip": "172.20.20.64", "end_ip": "172.20.20.127"},
            },
            {
                "subnet": "fd00::/64",
                "gateway": "fd00::ff",
                "lease_range": {"start_ip": "fd00::8000", "end_ip": "fd00::ffff"},
            },
        ],
        "ipv6_enabled": True,
        "dns_enabled": True,
        "options": {"mtu": "1400"},
        "labels": {"containerlab": ""},
    }


def test_auto_is_a_random_unique_local_subnet() -> None:
    first, second = (network_request(MgmtNet(ipv6_subnet="auto")).subnets[0].subnet for _ in range(2))
    assert first != second
    assert first.startswith("fd")
    assert first.endswith("::/64")


@pytest.mark.parametrize(
    ("subnet", "ip_range", "bounds"),
    [
        ("10.0.0.0/24", "10.0.0.0/24", ("10.0.0.1", "10.0.0.254")),
        ("10.0.0.0/24", "10.0.0.0/26", ("10.0.0.1", "10.0.0.63")),
        ("10.0.0.0/24", "10.0.0.192/26", ("10.0.0.192", "10.0.0.254")),
        ("10.0.0.0/24", "10.0.0.9/32", ("10.0.0.9", "10.0.0.9")),
        ("10.0.0.0/31", "10.0.0.0/31", ("10.0.0.0", "10.0.0.1")),
        ("fd00::/64", "fd00::/64", ("fd00::1", "fd00::ffff:ffff:ffff:ffff")),
    ],
)
def test_a_range_leaves_out_what_no_interface_can_have_and_is_told_as_it_was_given(
    subnet: str, ip_range: str, bounds: tuple[str, str]
) -> None:
    if ":" in subnet:
        mgmt = MgmtNet(ipv6_subnet=subnet, ipv6_range=ip_range)
    else:
        mgmt = MgmtNet(ipv4_subnet=subnet, ipv4_range=ip_range)
    made = network_request(mgmt).subnets[0]
    assert made.lease_range is not None
    assert (made.lease_range.start_ip, made.lease_range.end_ip) == bounds
    assert told_range(made) == ip_range


@pytest.mark.parametrize(("ip_range", "gateway"), [("10.0.0.0/32", ""), ("10.0.0.9/32", "10.0.0.9")])
def test_a_range_without_an_address_for_a_container_is_refused(ip_range: str, gateway: str) -> None:
    mgmt = MgmtNet(ipv4_subnet="10.0.0.0/24", ipv4_range=ip_range, ipv4_gw=gateway)
    with pytest.raises(InvalidValueError, match="ipv4-range"):
        NETWORKS.check(mgmt, None)


@pytest.mark.parametrize("name", ["pasta", "private", "ns", "container", "slirp4netns", "_x", "none", "a b", "x" * 251])
def test_a_name_that_podman_has_another_use_for_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="network"):
        NETWORKS.check(MgmtNet(network=name), None)


def test_bridge_is_a_word_for_the_default_network() -> None:
    assert NETWORKS.own_name("bridge") == "podman"
    assert NETWORKS.own_name("clab") == "clab"


# ---------------------------------------------------------------- options of the driver


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({MTU: "1350"}, {"mtu": "1350"}),
        ({"mtu": "1350"}, {"mtu": "1350"}),
        ({"isolate": "true", "vlan": "7"}, {"mtu": "1400", "isolate": "true", "vlan": "7"}),
        ({"com.docker.network.bridge.enable_icc": "true"}, {"mtu": "1400"}),
        ({"com.docker.network.bridge.enable_ip_masquerade": "True"}, {"mtu": "1400"}),
        ({"com.docker.network.bridge.gateway_mode_ipv6": "nat-unprotected"}, {"mtu": "1400"}),
    ],
)
def test_an_option_is_honoured_and_wins(options: dict[str, str], expected: dict[str, str]) -> None:
    mgmt = MgmtNet(mtu=1400, driver_opts=options)
    NETWORKS.check(mgmt, OLD)
    assert network_request(mgmt).options == expected


def test_the_bridges_name_may_come_from_an_option() -> None:
    mgmt = MgmtNet(bridge="br1", driver_opts={BRIDGE: "br2"})
    NETWORKS.check(mgmt, OLD)
    assert network_request(mgmt).network_interface == "br2"
    assert network_request(mgmt).options == {}


@pytest.mark.parametrize(
    "options",
    [
        {"x.y": "z"},
        {"com.docker.network.bridge.enable_icc": "false"},
        {"com.docker.network.bridge.enable_ip_masquerade": "0"},
        {"com.docker.network.bridge.gateway_mode_ipv4": "routed"},
        {"com.docker.network.container_iface_prefix": "mgmt"},
    ],
)
def test_an_option_that_podman_can_not_honour_is_refused_by_its_version(options: dict[str, str]) -> None:
    mgmt = MgmtNet(driver_opts=options)
    NETWORKS.check(mgmt, None)  # before it is known which version it is
    with pytest.raises(UnsupportedOperationError, match=r"podman 5\.8\.1 does not support driver-opts"):
        NETWORKS.check(mgmt, NEWEST)


@pytest.mark.parametrize("word", ["metric", "no_default_route", "vrf", "mode"])
def test_an_option_of_newer_versions_is_refused_by_4_3(word: str) -> None:
    mgmt = MgmtNet(driver_opts={word: "1"})
    NETWORKS.check(mgmt, NEW)
    with pytest.raises(UnsupportedOperationError, match=word):
        NETWORKS.check(mgmt, OLD)


@pytest.mark.parametrize("options", [{MTU: "big"}, {"mtu": "-1"}, {BRIDGE: "a/b"}, {" ": "x"}])
def test_an_option_that_no_engine_takes_is_refused_at_once(options: dict[str, str]) -> None:
    with pytest.raises(InvalidValueError, match="driver-opts"):
        NETWORKS.check(MgmtNet(driver_opts=options), None)


def test_a_network_that_nobody_gets_into_is_not_to_be_had() -> None:
    NETWORKS.check(MgmtNet(external_access=True), NEWEST)
    with pytest.raises(UnsupportedOperationError, match="external-access false"):
        NETWORKS.check(MgmtNet(external_access=False), NEWEST)


# ---------------------------------------------------------------- a bridge that is there

ADDRESSES: list[IPInterface] = [ip_interface("192.0.2.9/24")]


def test_a_bridge_with_its_addresses_is_left_to_whoever_made_it() -> None:
    found = NETWORKS.on_existing_bridge(MgmtNet(bridge="br0"), ADDRESSES, NEWEST)
    assert (found.ipv4_subnet, found.ipv4_gw) == ("192.0.2.0/24", "192.0.2.9")
    assert network_request(found).options == {"mode": "unmanaged"}


@pytest.mark.parametrize("info", [OLD, NEW])
def test_a_bridge_with_its_addresses_is_refused_by_older_versions(info: EngineInfo) -> None:
    with pytest.raises(UnsupportedOperationError, match=r"Podman 5\.5 does"):
        NETWORKS.on_existing_bridge(MgmtNet(bridge="br0"), ADDRESSES, info)


def test_a_bridge_without_an_address_that_fits_becomes_podmans() -> None:
    mgmt = MgmtNet(bridge="br0", ipv4_subnet="10.0.0.0/24")
    assert NETWORKS.on_existing_bridge(mgmt, ADDRESSES, OLD) == mgmt


# ---------------------------------------------------------------- told


def test_a_network_is_told_in_dockers_words() -> None:
    network = schema.LibpodNetwork(
        id="x",
        name="lab",
        driver="bridge",
        network_interface="podman3",
        subnets=[schema.LibpodSubnet("10.0.0.0/24", "10.0.0.1")],
        options={"mtu": "1400", "isolate": "true"},
        labels={"containerlab": ""},
    )
    told = network_from_reply(network)
    assert told.options == {MTU: "1400", BRIDGE: "podman3", "isolate": "true"}
    assert NETWORKS.bridge(told) == "podman3"
    assert mgmt_from_network(MgmtNet(network="lab", ipv4_range="10.0.0.0/26"), told, "podman3") == MgmtNet(
        network="lab", bridge="podman3", mtu=1400, ipv4_subnet="10.0.0.0/24", ipv4_gw="10.0.0.1"
    )


@pytest.mark.parametrize(
    "lease",
    [
        None,
        schema.LibpodLeaseRange("10.0.0.5", ""),
        schema.LibpodLeaseRange("", "10.0.0.5"),
        schema.LibpodLeaseRange("10.0.0.5", "10.0.0.99"),
    ],
)
def test_a_range_that_is_no_subnet_is_not_told(lease: schema.LibpodLeaseRange | None) -> None:
    subnet = schema.LibpodSubnet("10.0.0.0/24", "10.0.0.1", lease)
    assert told_range(subnet) == ""


def test_a_network_without_a_bridge_has_none() -> None:
    macvlan = network_from_reply(schema.LibpodNetwork(id="x", driver="macvlan", network_interface="eth0"))
    assert NETWORKS.bridge(macvlan) == ""
    assert macvlan.options == {"parent": "eth0"}
