"""The network that a node joins: its mode, and what the node asks for there."""

from collections.abc import Mapping

import msgspec
import pytest

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import InvalidValueError, UnsupportedOperationError
from clab_runtime.models import DNSConfig, MgmtNet, NodeConfig, PortBinding
from clab_runtime.runtime.docker_spec import container_request

NODE = NodeConfig(short_name="r1", long_name="clab-demo-r1", image="alpine:3")
MGMT = MgmtNet(ipv4_subnet="172.20.20.0/24", ipv6_subnet="3fff:172:20:20::/64")
API = APIVersion(1, 51)

OF_AN_ENDPOINT: Mapping[str, object] = {
    "mgmt_ipv4_address": "172.20.20.5",
    "mgmt_ipv6_address": "3fff:172:20:20::5",
    "mac_address": "02:42:ac:14:14:05",
    "mgmt_intf": "eth0",
    "aliases": ["gateway"],
    "port_bindings": {"80": [PortBinding()]},
}
OF_A_NAMESPACE: Mapping[str, object] = {
    "port_set": {"80": {}},
    "extra_hosts": ["a:10.0.0.1"],
    "dns": DNSConfig(search=["lab.io"]),
    "hostname": "router",
}


def node(**changes: object) -> NodeConfig:
    return msgspec.structs.replace(NODE, **changes)


def request(node: NodeConfig, mgmt: MgmtNet = MGMT, api: APIVersion = API) -> schema.ContainerCreate:
    return container_request(node, mgmt, api)


def endpoint(node: NodeConfig, mgmt: MgmtNet = MGMT, api: APIVersion = API) -> schema.EndpointConfig:
    return request(node, mgmt, api).networking_config.endpoints_config[mgmt.network]


def refused(node: NodeConfig, mgmt: MgmtNet = MGMT) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as raised:
        request(node, mgmt)
    return raised.value


@pytest.mark.parametrize("mode", ["", "bridge", "default", "lab-net"])
def test_a_node_joins_the_management_network(mode: str) -> None:
    made = request(node(network_mode=mode, mgmt_net="lab-net"), MgmtNet(network="lab-net"))
    assert made.host_config.network_mode == "lab-net"
    assert made.networking_config.endpoints_config == {"lab-net": schema.EndpointConfig()}


@pytest.mark.parametrize("mode", ["none", "host"])
def test_a_node_without_a_network_of_its_own_has_no_endpoint(mode: str) -> None:
    made = request(node(network_mode=mode))
    assert (made.host_config.network_mode, made.hostname) == (mode, "r1")
    assert made.networking_config.endpoints_config == {}


def test_a_node_shares_the_network_of_the_container_that_it_names() -> None:
    made = request(node(network_mode="container:other"))
    assert made.host_config.network_mode == "container:other"
    assert made.networking_config.endpoints_config == {}


@pytest.mark.parametrize("hostname", ["", "r1"])
def test_a_node_in_another_containers_network_has_that_ones_hostname(hostname: str) -> None:
    assert not request(node(network_mode="container:other", hostname=hostname)).hostname


@pytest.mark.parametrize(
    "mode",
    [
        "container",
        "container:",
        "container: ",
        "container:a/../b",
        "container:?x=1",
        "None",
        "macvlan",
        "ns:/run/netns/x",
    ],
)
def test_an_unknown_network_mode_is_refused(mode: str) -> None:
    assert refused(node(network_mode=mode)).field == "networkmode"


@pytest.mark.parametrize("mode", ["none", "host", "container:other"])
@pytest.mark.parametrize("field", OF_AN_ENDPOINT)
def test_what_needs_an_endpoint_is_refused_without_one(mode: str, field: str) -> None:
    assert "leave it out with networkmode" in str(refused(node(network_mode=mode, **{field: OF_AN_ENDPOINT[field]})))


@pytest.mark.parametrize("field", OF_A_NAMESPACE)
def test_what_belongs_to_the_other_container_is_refused_in_its_network(field: str) -> None:
    change = {field: OF_A_NAMESPACE[field]}
    assert "leave it out with networkmode" in str(refused(node(network_mode="container:other", **change)))
    assert request(node(network_mode="host", **change))


def test_an_empty_dns_setting_asks_for_nothing_and_is_never_refused() -> None:
    assert request(node(network_mode="container:other", dns=DNSConfig()))


@pytest.mark.parametrize("name", ["", " ", "none", "host", "default", "container:x", "a/b"])
def test_a_network_name_that_means_something_else_is_refused(name: str) -> None:
    assert refused(NODE, MgmtNet(network=name)).field == "network"


def test_a_node_of_another_management_network_is_refused() -> None:
    assert "'clab'" in str(refused(node(mgmt_net="other")))


def test_static_addresses_are_asked_for_in_the_management_network() -> None:
    made = endpoint(node(mgmt_ipv4_address="172.20.20.5", mgmt_ipv6_address="3fff:172:20:20::5"))
    assert made.ipam_config == schema.EndpointIPAMConfig(ipv4_address="172.20.20.5", ipv6_address="3fff:172:20:20::5")
    assert endpoint(node(mgmt_ipv4_address="10.0.0.1"), MgmtNet()).ipam_config == schema.EndpointIPAMConfig(
        ipv4_address="10.0.0.1"
    )


def test_a_static_address_is_not_the_gateways() -> None:
    mgmt = MgmtNet(ipv4_subnet="172.20.20.0/24", ipv4_gw="172.20.20.1")
    assert refused(node(mgmt_ipv4_address="172.20.20.1"), mgmt).allowed.endswith("gateway has this address")


def test_a_static_address_in_a_subnet_that_is_made_up_is_the_engines_to_check() -> None:
    made = endpoint(node(mgmt_ipv6_address="fd00::5"), MgmtNet(ipv6_subnet="auto")).ipam_config
    assert made == schema.EndpointIPAMConfig(ipv6_address="fd00::5")


@pytest.mark.parametrize(
    ("field", "address", "word"),
    [
        ("mgmt_ipv4_address", "172.20.20.5/24", "mgmt-ipv4-address"),
        ("mgmt_ipv4_address", "172.20.20.256", "mgmt-ipv4-address"),
        ("mgmt_ipv4_address", "3fff:172:20:20::5", "mgmt-ipv4-address"),
        ("mgmt_ipv4_address", "10.0.0.1", "mgmt-ipv4-address"),
        ("mgmt_ipv6_address", "172.20.20.5", "mgmt-ipv6-address"),
        ("mgmt_ipv6_address", "fe80::1%eth0", "mgmt-ipv6-address"),
        ("mgmt_ipv6_address", "fd00::5", "mgmt-ipv6-address"),
        ("mac_address", "02:42:ac:14:14", "mac-address"),
        ("mac_address", "02:42-ac:14-14:05", "mac-address"),
        ("mac_address", "01:42:ac:14:14:05", "mac-address"),
        ("mgmt_intf", "a/b", "mgmt-intf"),
        ("mgmt_intf", "sixteen-letters-", "mgmt-intf"),
        ("mgmt_intf", "..", "mgmt-intf"),
        ("aliases", ["a b"], "aliases"),
        ("aliases", [""], "aliases"),
    ],
)
def test_a_malformed_wish_is_refused_under_its_word(field: str, address: object, word: str) -> None:
    assert refused(node(**{field: address})).field == word


def test_aliases_are_asked_for() -> None:
    assert endpoint(node(aliases=["gateway", "r1.lab"])).aliases == ("gateway", "r1.lab")


@pytest.mark.parametrize(
    ("api", "top", "at_endpoint"),
    [
        (APIVersion(1, 40), "02:42:ac:14:14:0a", ""),
        (APIVersion(1, 43), "02:42:ac:14:14:0a", ""),
        (APIVersion(1, 44), "", "02:42:ac:14:14:0a"),
        (APIVersion(1, 55), "", "02:42:ac:14:14:0a"),
    ],
)
@pytest.mark.parametrize("mac", ["02:42:ac:14:14:0a", "02-42-AC-14-14-0A"])
def test_a_hardware_address_is_where_the_api_reads_it(api: APIVersion, top: str, at_endpoint: str, mac: str) -> None:
    made = request(node(mac_address=mac), api=api)
    assert made.mac_address == top
    assert made.networking_config.endpoints_config["clab"].mac_address == at_endpoint


def test_the_interface_is_named_where_docker_can() -> None:
    assert endpoint(node(mgmt_intf="mgmt0"), api=APIVersion(1, 48)).driver_opts == {
        "com.docker.network.endpoint.ifname": "mgmt0"
    }
    with pytest.raises(UnsupportedOperationError, match=r"docker API 1\.47 does not support mgmt-intf 'mgmt0'"):
        endpoint(node(mgmt_intf="mgmt0"), api=APIVersion(1, 47))


def test_eth0_is_what_older_engines_call_the_interface_anyway() -> None:
    assert endpoint(node(mgmt_intf="eth0"), api=APIVersion(1, 41)).driver_opts == {}
