"""The network that a node's container joins, and what it asks for there; in no engine's words yet."""

import re
from collections.abc import Callable, Mapping, Sequence

import msgspec

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime.addresses import check_interface, check_mac, static_address
from clab_runtime.runtime.settings import shared_container, words

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


class Place(msgspec.Struct, frozen=True):
    """What a container asks for in the management network; what is empty is the engine's to choose."""

    ipv4: str = ""
    ipv6: str = ""
    mac: str = ""
    aliases: Sequence[str] = ()
    interface: str = ""


class Attachment(msgspec.Struct, frozen=True):
    """How a container is tied to networks."""

    network_mode: str
    """`none`, `host`, `container:x` or the management network's name."""
    place: Place | None = None
    """Its place in the management network, if it has one."""

    @property
    def shares_namespace(self) -> bool:
        """Whether it has another container's network, and with it that one's hostname."""
        return self.network_mode.startswith("container:")


def attachment(node: NodeConfig, mgmt: MgmtNet) -> Attachment:
    """Choose the network and what is asked for there; refuse what that network mode can't give."""
    mode = _network_mode(node, mgmt)
    if mode == mgmt.network:
        return Attachment(mode, _place(node, mgmt))
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


def _place(node: NodeConfig, mgmt: MgmtNet) -> Place:
    """Ask for a place in the management network."""
    if node.mgmt_net not in {"", mgmt.network}:
        raise InvalidValueError("mgmt-net", node.mgmt_net, f"this runtime's management network is {mgmt.network!r}")
    return Place(
        ipv4=static_address("mgmt-ipv4-address", node.mgmt_ipv4_address, 4, mgmt.ipv4_subnet, mgmt.ipv4_gw),
        ipv6=static_address("mgmt-ipv6-address", node.mgmt_ipv6_address, 6, mgmt.ipv6_subnet, mgmt.ipv6_gw),
        mac=check_mac(node.mac_address),
        aliases=words("aliases", node.aliases),
        interface=node.mgmt_intf and check_interface("mgmt-intf", node.mgmt_intf),
    )


def _refuse(node: NodeConfig, readers: Mapping[str, _Reader]) -> None:
    """Refuse the words that have no effect in the node's network mode."""
    for word, read in readers.items():
        value = read(node)
        if value:
            raise InvalidValueError(word, value, f"leave it out with networkmode {node.network_mode!r}")
