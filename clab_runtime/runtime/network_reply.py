"""The management network as the engine has it, and the networks that are in its way."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import NamedTuple

import msgspec

from clab_runtime.engine import schema
from clab_runtime.errors import SubnetOverlapError
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.addresses import AUTO, IPNetwork
from clab_runtime.runtime.network_spec import MTU, IPWords, ip_words

_BRIDGE_DRIVER = "bridge"


class _Pool(NamedTuple):
    """A subnet of a network, and what belongs to it."""

    subnet: IPNetwork
    gateway: str
    ip_range: str


def mgmt_from_network(mgmt: MgmtNet, network: schema.Network, bridge: str) -> MgmtNet:
    """Tell the management network as the engine has it, on a bridge if it has one."""
    changes: dict[str, str] = {}
    for version in ip_words(mgmt):
        pool = next((pool for pool in _pools(network) if pool.subnet.version == version), None)
        changes |= _pool_words(version, pool, is_bridge=network.driver == _BRIDGE_DRIVER)
    return msgspec.structs.replace(mgmt, bridge=bridge, mtu=network_mtu(network) or mgmt.mtu, **changes)


def find_overlap(
    mgmt_subnets: Sequence[str], networks: Sequence[schema.Network], network_name: str
) -> SubnetOverlapError | None:
    """Make the error that names the first network, other than the named one, that is in a subnet's way."""
    wanted = [subnet for subnet in map(_parsed, mgmt_subnets) if subnet]
    for network in networks:
        for taken in () if network.name == network_name else _pools(network):
            for subnet in wanted:
                if subnet.version == taken.subnet.version and subnet.overlaps(taken.subnet):
                    return SubnetOverlapError(network_name, str(subnet), network.name, str(taken.subnet))
    return None


def _pools(network: schema.Network) -> list[_Pool]:
    """Read the network's subnets; what is none is left out."""
    pools = [(_parsed(pool.subnet), pool) for pool in network.ipam.config or ()]
    # Docker writes the gateway that it chose for IPv6 with a prefix length.
    return [_Pool(subnet, pool.gateway.partition("/")[0], pool.ip_range) for subnet, pool in pools if subnet]


def _parsed(text: str) -> IPNetwork | None:
    """Read a subnet as an engine wrote it, or as a user who may leave it open."""
    try:
        return None if text in {"", AUTO} else ip_network(text, strict=False)
    except ValueError:
        return None


def _pool_words(version: int, pool: _Pool | None, *, is_bridge: bool) -> dict[str, str]:
    """Write one version of IP in MgmtNet's words; empty where the network has none of it."""
    told = IPWords("", "", "")
    if pool:
        gateway = pool.gateway or (_chosen_gateway(pool) if is_bridge else "")
        told = IPWords(str(pool.subnet), gateway, pool.ip_range)
    return {f"ipv{version}_subnet": told.subnet, f"ipv{version}_gw": told.gateway, f"ipv{version}_range": told.ip_range}


def _chosen_gateway(pool: _Pool) -> str:
    """Work out the gateway that Docker chose by itself, which it does not tell: the first address it could give."""
    first = (_parsed(pool.ip_range) or pool.subnet)[0]
    # The address of the subnet itself is given to nobody, but where IPv4 has two addresses in all (RFC 3021).
    is_reserved = first == pool.subnet[0] and (pool.subnet.version, pool.subnet.prefixlen) != (4, 31)
    return str(first + 1 if is_reserved else first)


def network_mtu(network: schema.Network) -> int:
    """Tell the network's MTU in bytes; 0: it is not set."""
    text = (network.options or {}).get(MTU, "")
    return int(text) if text.isdecimal() else 0
