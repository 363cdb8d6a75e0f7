"""Podman's networks in Docker's words."""

from ipaddress import ip_address, ip_network

from clab_runtime.engine import schema
from clab_runtime.runtime.addresses import IPNetwork
from clab_runtime.runtime.network_spec import BRIDGE_NAME, MTU
from clab_runtime.runtime.podman_driver_options import PODMAN_MTU
from clab_runtime.runtime.podman_network_spec import lease_bounds

_INTERFACE_WORDS = {"bridge": BRIDGE_NAME}
_PARENT = "parent"


def network_from_reply(network: schema.LibpodNetwork) -> schema.Network:
    """Tell a network as Docker would."""
    options = {MTU if word == PODMAN_MTU else word: value for word, value in (network.options or {}).items()}
    if network.network_interface:
        options[_INTERFACE_WORDS.get(network.driver, _PARENT)] = network.network_interface
    return schema.Network(
        id=network.id,
        name=network.name,
        created=network.created,
        driver=network.driver,
        enable_ipv6=network.ipv6_enabled,
        ipam=schema.IPAM(config=[_pool(subnet) for subnet in network.subnets or ()]),
        options=options,
        labels=network.labels,
    )


def _pool(subnet: schema.LibpodSubnet) -> schema.IPAMPool:
    """Tell a subnet; the range as a part of it, where it is one."""
    return schema.IPAMPool(subnet=subnet.subnet, gateway=subnet.gateway, ip_range=_range(subnet))


def _range(subnet: schema.LibpodSubnet) -> str:
    """Find the part of the subnet whose addresses are all in the range, and no other; empty: there is none."""
    lease = subnet.lease_range
    if lease is None or not (lease.start_ip and lease.end_ip):
        return ""
    whole, bounds = ip_network(subnet.subnet), (ip_address(lease.start_ip), ip_address(lease.end_ip))
    parts = (str(part) for part in _parts_around(lease.start_ip, whole) if lease_bounds(whole, part) == bounds)
    return next(parts, "")


def _parts_around(address: str, whole: IPNetwork) -> list[IPNetwork]:
    """List the parts of a subnet that an address is in, the largest first."""
    return [
        ip_network(f"{address}/{length}", strict=False) for length in range(whole.prefixlen, whole.max_prefixlen + 1)
    ]
