"""The management network as a request to create it."""

import re
import secrets
from collections.abc import Mapping
from ipaddress import IPv6Network
from typing import Final, NamedTuple

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet, labels
from clab_runtime.runtime.addresses import AUTO, IPAddress, IPNetwork, check_interface, contains, parse_ip, parse_subnet
from clab_runtime.runtime.attachment import check_network_name

BRIDGE_NAME: Final = "com.docker.network.bridge.name"
MTU: Final = "com.docker.network.driver.mtu"
_GATEWAY_MODES = ("com.docker.network.bridge.gateway_mode_ipv4", "com.docker.network.bridge.gateway_mode_ipv6")
_OPEN_GATEWAY = "nat-unprotected"
_OPEN_GATEWAY_SINCE = 28

_MTUS = range(68, 65536)
_MAJOR = re.compile(r"([0-9]+)\.")
_GLOBAL_ID_BITS = 40


class IPWords(NamedTuple):
    """What is asked for in one version of IP; empty where nothing is."""

    subnet: str
    gateway: str
    ip_range: str


def network_request(mgmt: MgmtNet, engine_version: str) -> schema.NetworkCreate:
    """Ask for the management network; `engine_version` is Docker's own, as `28.5.2` or `20.10.24+dfsg1`."""
    pools = [pool for pool in (_pool(mgmt, 4), _pool(mgmt, 6)) if pool]
    return schema.NetworkCreate(
        name=check_network_name(mgmt.network),
        check_duplicate=True,
        driver="bridge",
        enable_ipv6=bool(mgmt.ipv6_subnet),
        ipam=schema.IPAM(config=pools or None),
        options=_options(mgmt, engine_version),
        # Containerlab writes the label without a value: the network may serve many labs.
        labels={labels.CONTAINERLAB: ""},
    )


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


def _options(mgmt: MgmtNet, engine_version: str) -> dict[str, str]:
    """Collect the driver's options; the user's own win."""
    options: dict[str, str] = {}
    if mgmt.mtu:
        options[MTU] = str(_checked_mtu(mgmt.mtu))
    if mgmt.bridge:
        options[BRIDGE_NAME] = check_interface("bridge", mgmt.bridge)
    if _isolates_ports(engine_version):
        options |= dict.fromkeys(_GATEWAY_MODES, _OPEN_GATEWAY)
    if not all(name.strip() for name in mgmt.driver_opts):
        raise InvalidValueError("driver-opts", "", "an option has a name")
    return options | dict(mgmt.driver_opts)


def _isolates_ports(engine_version: str) -> bool:
    """Tell whether the engine closes ports that are not published, so that labs have to ask for open ones."""
    major = _MAJOR.match(engine_version)
    return major is not None and int(major[1]) >= _OPEN_GATEWAY_SINCE


def _checked_mtu(mtu: int) -> int:
    """Refuse a size that no bridge has."""
    if mtu not in _MTUS:
        raise InvalidValueError("mtu", mtu, f"give {_MTUS[0]} to {_MTUS[-1]}, or 0 for the default bridge's")
    return mtu


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
