"""The network that a node's container joins, and what it asks for there."""

import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import InvalidValueError, UnsupportedOperationError
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime.addresses import check_interface, check_mac, static_address
from clab_runtime.runtime.settings import shared_container, words

ENDPOINT_MAC_SINCE: Final = APIVersion(1, 44)
"""The first API where a hardware address belongs to the endpoint; older ones have it at the top."""
INTERFACE_NAME_SINCE: Final = APIVersion(1, 48)
"""The first API of Docker 28, which can name a container's interface."""
_INTERFACE_NAME = "com.docker.network.endpoint.ifname"
_FIRST_INTERFACE = "eth0"

_MANAGED_WORDS = ("", "bridge", "default")
_RESERVED = ("none", "host", "default")
_SAID = f"{', '.join(_RESERVED[:-1])} or {_RESERVED[-1]}"
_NETWORK = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,254}")

_Reader = Callable[[NodeConfig], object]
_OF_AN_ENDPOINT: Mapping[str, _Reader] = {
    "mgmt-ipv4-address": lambda node: node.mgmt_ipv4_address,
    "mgmt-ipv6-address": lambda node: node.mgmt_ipv6_address,
    "mac-address": lambda node: node.mac_address,
    "mgmt-intf": lambda node: node.mgmt_intf,
    "aliases": lambda node: node.aliases,
    "portbindings": lambda node: node.port_bindings,
}
"""What only a container with an address of its own on a network can have."""
_OF_A_NAMESPACE: Mapping[str, _Reader] = {
    "portset": lambda node: node.port_set,
    "extra-hosts": lambda node: node.extra_hosts,
    "dns": lambda node: node.dns and (node.dns.servers or node.dns.search or node.dns.options),
    # The short name is what a hostname is when nobody chose one.
    "hostname": lambda node: node.hostname if node.hostname != node.short_name else "",
}
"""What belongs to the other container where two share their network."""


class Attachment(msgspec.Struct, frozen=True):
    """How a container is tied to networks."""

    network_mode: str
    """The engine's word: `none`, `host`, `container:x` or a network's name."""
    endpoints: Mapping[str, schema.EndpointConfig] = {}
    """What it asks for in each network."""
    mac_address: str = ""
    """The hardware address, for an API that wants it at the top."""

    @property
    def shares_namespace(self) -> bool:
        """Whether it has another container's network, and with it that one's hostname."""
        return self.network_mode.startswith("container:")


def attachment(node: NodeConfig, mgmt: MgmtNet, api: APIVersion) -> Attachment:
    """Choose the network and what is asked for there; refuse what that network mode can't give."""
    mode = _network_mode(node, mgmt)
    if mode == mgmt.network:
        return _managed(node, mgmt, api)
    _refuse(node, _OF_AN_ENDPOINT)
    if mode.startswith("container:"):
        _refuse(node, _OF_A_NAMESPACE)
    return Attachment(mode)


def check_network_name(name: str) -> str:
    """Return the management network's name, if it can be one and is no word for a network mode."""
    if not _NETWORK.fullmatch(name) or name in _RESERVED:
        allowed = (
            f"a network's name has letters, digits, _, . and -, begins with none of the last two, and is not {_SAID}"
        )
        raise InvalidValueError("network", name, allowed)
    return name


def _network_mode(node: NodeConfig, mgmt: MgmtNet) -> str:
    """Put the node's word into the engine's."""
    network = check_network_name(mgmt.network)
    if node.network_mode in {"none", "host"} or shared_container(node.network_mode):
        return node.network_mode
    if node.network_mode in {*_MANAGED_WORDS, network}:
        return network
    allowed = "leave it empty for the management network, or write none, host or container:<node>"
    raise InvalidValueError("networkmode", node.network_mode, allowed)


def _managed(node: NodeConfig, mgmt: MgmtNet, api: APIVersion) -> Attachment:
    """Ask for a place in the management network."""
    if node.mgmt_net not in {"", mgmt.network}:
        raise InvalidValueError("mgmt-net", node.mgmt_net, f"this runtime's management network is {mgmt.network!r}")
    mac = check_mac(node.mac_address)
    on_endpoint = api >= ENDPOINT_MAC_SINCE
    endpoint = schema.EndpointConfig(
        ipam_config=_static_addresses(node, mgmt),
        aliases=words("aliases", node.aliases),
        mac_address=mac if on_endpoint else "",
        driver_opts=_interface_name(node.mgmt_intf, api),
    )
    return Attachment(mgmt.network, {mgmt.network: endpoint}, "" if on_endpoint else mac)


def _static_addresses(node: NodeConfig, mgmt: MgmtNet) -> schema.EndpointIPAMConfig | None:
    """Ask for fixed addresses, if the node has any."""
    ipv4 = static_address("mgmt-ipv4-address", node.mgmt_ipv4_address, 4, mgmt.ipv4_subnet)
    ipv6 = static_address("mgmt-ipv6-address", node.mgmt_ipv6_address, 6, mgmt.ipv6_subnet)
    return schema.EndpointIPAMConfig(ipv4_address=ipv4, ipv6_address=ipv6) if ipv4 or ipv6 else None


def _interface_name(name: str, api: APIVersion) -> dict[str, str]:
    """Ask for a name of the interface; eth0 is what older engines call it anyway."""
    if not name:
        return {}
    check_interface("mgmt-intf", name)
    if api >= INTERFACE_NAME_SINCE:
        return {_INTERFACE_NAME: name}
    if name == _FIRST_INTERFACE:
        return {}
    feature = f"mgmt-intf {name!r}: naming an interface needs API {INTERFACE_NAME_SINCE} (Docker 28)"
    raise UnsupportedOperationError("docker", f"API {api}", feature)


def _refuse(node: NodeConfig, readers: Mapping[str, _Reader]) -> None:
    """Refuse the words that have no effect in the node's network mode."""
    for word, read in readers.items():
        value = read(node)
        if value:
            raise InvalidValueError(word, value, f"leave it out with networkmode {node.network_mode!r}")
