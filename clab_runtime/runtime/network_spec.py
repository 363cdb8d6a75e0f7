"""The management network as it is asked for: checked; and Docker's words for what a network's driver can do."""

import secrets
from collections.abc import Mapping
from ipaddress import IPv6Network
from typing import Final, NamedTuple

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.addresses import AUTO, IPAddress, IPNetwork, check_interface, contains, parse_ip, parse_subnet

BRIDGE_NAME: Final = "com.docker.network.bridge.name"
MTU: Final = "com.docker.network.driver.mtu"
GATEWAY_MODES: Final = (
    "com.docker.network.bridge.gateway_mode_ipv4",
    "com.docker.network.bridge.gateway_mode_ipv6",
)
OPEN_GATEWAY: Final = "nat-unprotected"
"""The gateway mode in which a network is open to whom the host lets through."""

_MTUS = range(68, 65536)
_GLOBAL_ID_BITS = 40


class IPWords(NamedTuple):
    """What is asked for in one version of IP; empty where nothing is."""

    subnet: str
    gateway: str
    ip_range: str


def pools(mgmt: MgmtNet) -> list[schema.IPAMPool]:
    """Describe the addresses that are asked for, of both versions of IP; refuse what is malformed."""
    return [pool for pool in (_pool(mgmt, 4), _pool(mgmt, 6)) if pool]


def mtu(mgmt: MgmtNet) -> int:
    """Return the MTU, 0 for none; refuse a size that no bridge has."""
    if mgmt.mtu and mgmt.mtu not in _MTUS:
        raise InvalidValueError("mtu", mgmt.mtu, f"give {_MTUS[0]} to {_MTUS[-1]}, or 0 for the default bridge's")
    return mgmt.mtu


def bridge_name(mgmt: MgmtNet) -> str:
    """Return the name that the bridge is to have, empty where the engine chooses."""
    return check_interface("bridge", mgmt.bridge) if mgmt.bridge else ""


def driver_options(mgmt: MgmtNet) -> dict[str, str]:
    """Return the user's own options for the network's driver."""
    if not all(name.strip() for name in mgmt.driver_opts):
        raise InvalidValueError("driver-opts", "", "an option has a name")
    return dict(mgmt.driver_opts)


def ip_words(mgmt: MgmtNet) -> Mapping[int, IPWords]:
    """Tell what is asked for, by the version of IP."""
    return {
        4: IPWords(mgmt.ipv4_subnet, mgmt.ipv4_gw, mgmt.ipv4_range),
        6: IPWords(mgmt.ipv6_subnet, mgmt.ipv6_gw, mgmt.ipv6_range),
    }


def random_ula() -> IPv6Network:
    """Make up a unique local /64, as RFC 4193 wants it: fd, and 40 random bits."""
    prefix = 0xFD << _GLOBAL_ID_BITS | secrets.randbits(_GLOBAL_ID_BITS)
    return IPv6Network((prefix << 80, 64))


def _pool(mgmt: MgmtNet, version: int) -> schema.IPAMPool | None:
    """Describe the addresses of one version of IP; None where no subnet is asked for."""
    subnet, gateway, ip_range = ip_words(mgmt)[version]
    parts = {f"ipv{version}-gw": gateway, f"ipv{version}-range": ip_range}
    made_up = (version, subnet) == (6, AUTO)
    if not subnet or made_up:
        _refuse_parts(parts, f"ipv{version}-subnet")
    if not subnet:
        return None
    pool = random_ula() if made_up else parse_subnet(f"ipv{version}-subnet", subnet, version)
    return schema.IPAMPool(subnet=str(pool), gateway=_gateway(gateway, pool), ip_range=_range(ip_range, pool))


def _refuse_parts(parts: dict[str, str], needed: str) -> None:
    """Refuse parts of a subnet that is not known."""
    for field, value in parts.items():
        if value:
            raise InvalidValueError(field, value, f"it needs an {needed} that it is part of")


def _gateway(text: str, subnet: IPNetwork) -> str:
    """Check that the gateway is an address in the subnet; empty leaves it to the engine."""
    if not text:
        return ""
    field = f"ipv{subnet.version}-gw"
    gateway = parse_ip(field, text, subnet.version)
    if gateway not in subnet or _is_nobodys(gateway, subnet):
        raise InvalidValueError(field, text, f"give an address of an interface in the subnet {subnet}")
    return str(gateway)


def _is_nobodys(address: IPAddress, subnet: IPNetwork) -> bool:
    """Tell whether it is the address of an IPv4 subnet itself, or its broadcast address; two addresses have none."""
    return subnet.version == 4 and subnet.num_addresses > 2 and address in {subnet[0], subnet[-1]}  # noqa: PLR2004


def _range(text: str, subnet: IPNetwork) -> str:
    """Check that the range is a part of the subnet; empty means all of it."""
    if not text:
        return ""
    field = f"ipv{subnet.version}-range"
    part = parse_subnet(field, text, subnet.version)
    if not contains(subnet, part):
        raise InvalidValueError(field, text, f"give a part of the subnet {subnet}")
    return str(part)
