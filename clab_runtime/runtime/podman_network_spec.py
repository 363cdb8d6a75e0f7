"""The management network as Podman is asked to create it."""

import re
from ipaddress import ip_address, ip_network

from clab_runtime.engine import schema
from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import InvalidValueError, UnsupportedOperationError
from clab_runtime.models import MgmtNet, labels
from clab_runtime.runtime.addresses import IPAddress, IPNetwork
from clab_runtime.runtime.attachment import check_network_name
from clab_runtime.runtime.network_spec import bridge_name, mtu, pools
from clab_runtime.runtime.podman_driver_options import (
    PODMAN_MTU,
    asked_bridge,
    check_malformed,
    check_supported,
    podman_options,
)

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,249}")
_MODES = {"bridge", "container", "ns", "pasta", "private", "slirp4netns"}
"""What Podman takes for a network mode, besides those that are no network's name on any engine."""


def network_request(mgmt: MgmtNet) -> schema.LibpodNetworkCreate:
    """Ask for the management network; nodes find each other by their names, as on Docker."""
    check_malformed(mgmt)
    options = {PODMAN_MTU: str(mtu(mgmt))} if mgmt.mtu else {}
    return schema.LibpodNetworkCreate(
        name=_checked_name(mgmt.network),
        driver="bridge",
        network_interface=asked_bridge(mgmt) or bridge_name(mgmt),
        subnets=tuple(_subnet(pool) for pool in pools(mgmt)),
        ipv6_enabled=bool(mgmt.ipv6_subnet),
        dns_enabled=True,
        options=options | podman_options(mgmt),
        # Containerlab writes the label without a value: the network may serve many labs.
        labels={labels.CONTAINERLAB: ""},
    )


def check_network(mgmt: MgmtNet, info: EngineInfo) -> None:
    """Refuse what this Podman can't do."""
    check_supported(mgmt, info)
    if mgmt.external_access is False:
        feature = "external-access false: netavark keeps nobody out of a network whom the host lets through"
        raise UnsupportedOperationError(info.engine, info.version, feature)


def _checked_name(name: str) -> str:
    """Return the network's name, if Podman takes it for one."""
    if name in _MODES or not _NAME.fullmatch(check_network_name(name)):
        allowed = (
            f"on Podman a network's name begins with a letter or a digit, has at most 250 characters, "
            f"and is none of {', '.join(sorted(_MODES))}"
        )
        raise InvalidValueError("network", name, allowed)
    return name


def _subnet(pool: schema.IPAMPool) -> schema.LibpodSubnet:
    """Put a subnet into Podman's words."""
    return schema.LibpodSubnet(pool.subnet, pool.gateway, _lease_range(pool) if pool.ip_range else None)


def _lease_range(pool: schema.IPAMPool) -> schema.LibpodLeaseRange:
    """Name the first and the last address of the range; netavark would give containers the subnet's own, too."""
    subnet, part = ip_network(pool.subnet), ip_network(pool.ip_range)
    first, last = lease_bounds(subnet, part)
    if int(first) > int(last) or (first == last and pool.gateway and first == ip_address(pool.gateway)):
        allowed = "give a range with an address for a container"
        raise InvalidValueError(f"ipv{subnet.version}-range", pool.ip_range, allowed)
    return schema.LibpodLeaseRange(str(first), str(last))


def lease_bounds(subnet: IPNetwork, part: IPNetwork) -> tuple[IPAddress, IPAddress]:
    """Tell the first and the last address of a part of a subnet that an interface can have."""
    first, last = part[0], part[-1]
    is_pair = subnet.num_addresses <= 2  # noqa: PLR2004 - such a subnet has no address of its own
    if first == subnet[0] and not is_pair:
        first += 1
    if last == subnet[-1] and subnet.version == 4 and not is_pair:  # noqa: PLR2004 - IPv6 has no broadcast
        last -= 1
    return first, last
