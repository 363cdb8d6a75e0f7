"""A node's place in its network and its ports, as Podman is asked for them."""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext

import pytest

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet, NodeConfig, PortBinding
from clab_runtime.runtime.podman import PodmanDialect
from tests.runtime.podman_nodes import OLD, refused, spec, unsupported


def test_a_node_asks_for_its_place_in_the_management_network() -> None:
    made = spec(
        mgmt_ipv4_address="172.20.20.5",
        mgmt_ipv6_address="3fff:172:20:20::5",
        mac_address="02-42-AC-14-14-0A",
        mgmt_intf="mgmt0",
        aliases=["gateway"],
    )
    assert made.netns == schema.Namespace(nsmode="bridge")
    assert made.networks == {
        "clab": schema.PerNetwork(
            static_ips=("172.20.20.5", "3fff:172:20:20::5"),
            static_mac="02:42:ac:14:14:0a",
            interface_name="mgmt0",
            aliases=("gateway",),
        )
    }


@pytest.mark.parametrize(("named", "is_right"), [("", True), ("bridge", True), ("podman", True), ("clab", False)])
def test_the_default_network_is_known_by_dockers_word_too(named: str, *, is_right: bool) -> None:
    node = NodeConfig(short_name="r1", long_name="clab-x-r1", image="busybox", mgmt_net=named)
    prepared = nullcontext() if is_right else pytest.raises(InvalidValueError, match="mgmt-net: 'clab'")
    with prepared:
        PodmanDialect().prepare(node, MgmtNet(network="podman"), OLD)


@pytest.mark.parametrize("mode", ["none", "host"])
def test_a_node_without_a_network_of_its_own_has_no_place(mode: str) -> None:
    made = spec(network_mode=mode)
    assert (made.netns, made.networks, made.utsns) == (schema.Namespace(nsmode=mode), {}, None)
    assert made.hostname == "r1"


def test_a_node_in_another_containers_network_has_that_ones_hostname() -> None:
    made = spec(network_mode="container:other")
    other = schema.Namespace(nsmode="container", value="other")
    assert (made.netns, made.utsns, made.networks, made.hostname) == (other, other, {}, "")


@pytest.mark.parametrize(
    ("asked", "published"),
    [
        ({"80/tcp": [PortBinding("", "8080")]}, [("", 8080, 80, "tcp")]),
        ({"80": []}, [("", 0, 80, "tcp")]),
        ({"53/UDP": [PortBinding("127.0.0.1", "53")]}, [("127.0.0.1", 53, 53, "udp")]),
        ({"1/sctp": [PortBinding("fd00::1", "0")]}, [("fd00::1", 0, 1, "sctp")]),
        ({"80-81": [PortBinding("", "90-91")]}, [("", 90, 80, "tcp"), ("", 91, 81, "tcp")]),
        ({"80": [PortBinding(), PortBinding("127.0.0.1")]}, [("", 0, 80, "tcp"), ("127.0.0.1", 0, 80, "tcp")]),
    ],
)
def test_ports_are_published_one_by_one(
    asked: Mapping[str, Sequence[PortBinding]], published: Sequence[tuple[str, int, int, str]]
) -> None:
    made = spec(port_bindings=asked).portmappings
    assert [(at.host_ip, at.host_port, at.container_port, at.protocol) for at in made] == published


@pytest.mark.parametrize(
    ("places", "feature"),
    [
        ([PortBinding("", "8000-8010")], "choosing among the host's ports 8000-8010"),
        ([PortBinding(), PortBinding("", "0")], "choosing two of the host's ports for one"),
    ],
)
def test_what_podman_would_take_for_something_else_is_unsupported(places: Sequence[PortBinding], feature: str) -> None:
    assert unsupported(port_bindings={"80": places}).feature == f"portbindings '80/tcp': {feature}"


def test_ports_of_the_port_set_are_exposed_with_their_protocols() -> None:
    made = spec(port_set={"80": {}, "80/udp": {}, "80-81/tcp": {}}, port_bindings={"22": [PortBinding()]})
    assert made.expose == {80: "tcp,udp", 81: "tcp"}
    assert spec(port_set={"9/sctp": {}}).expose == {9: "sctp"}
    assert unsupported(OLD, port_set={"9/sctp": {}}).feature == "portset 9/sctp"


def test_the_network_is_checked_as_for_docker() -> None:
    assert refused(network_mode="macvlan").field == "networkmode"
    assert refused(mgmt_ipv4_address="10.0.0.1").field == "mgmt-ipv4-address"
    assert refused(mac_address="01:42:ac:14:14:05").field == "mac-address"
    assert refused(mgmt_intf="a/b").field == "mgmt-intf"
    assert "leave it out" in str(refused(network_mode="none", aliases=["a"]))
    assert refused(port_bindings={"80": [PortBinding("localhost")]}).field == "portbindings"
