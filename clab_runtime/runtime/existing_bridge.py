"""A Linux bridge that is there before its network: its addresses become the gateways."""

from collections.abc import Sequence

import msgspec

from clab_runtime.host.netlink import IPInterface
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.addresses import AUTO, parse_subnet
from clab_runtime.runtime.network_spec import IPWords, ip_words


def with_gateways(mgmt: MgmtNet, addresses: Sequence[IPInterface]) -> MgmtNet:
    """Take the gateways that were not asked for from the bridge's addresses, and subnets that were left open, too."""
    changes: dict[str, str] = {}
    for version, asked in ip_words(mgmt).items():
        address = next((address for address in addresses if _fits(address, version, asked)), None)
        if address:
            changes[f"ipv{version}_gw"] = str(address.ip)
            changes[f"ipv{version}_subnet"] = str(address.network) if _is_open(version, asked) else asked.subnet
    return msgspec.structs.replace(mgmt, **changes)


def _fits(address: IPInterface, version: int, asked: IPWords) -> bool:
    """Tell whether an address can be the gateway that is wanted and not asked for."""
    if address.version != version or address.is_link_local or asked.gateway:
        return False
    if _is_open(version, asked):
        return address.network.prefixlen < address.max_prefixlen - 1
    return bool(asked.subnet) and address.ip in parse_subnet(f"ipv{version}-subnet", asked.subnet, version)


def _is_open(version: int, asked: IPWords) -> bool:
    """Tell whether the subnet is left to others: IPv4 is always there, IPv6 only when it is asked for."""
    return asked.subnet == ("" if version == 4 else AUTO)  # noqa: PLR2004 - IPv4
