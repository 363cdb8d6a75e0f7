"""Addresses in the words of nodes and networks: checked before an engine sees them."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from clab_runtime.errors import InvalidValueError

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

AUTO: Final = "auto"
"""The word for a subnet that is made up."""
LONGEST_INTERFACE = 15

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}|[0-9a-f]{2}(-[0-9a-f]{2}){5}")
_INTERFACE = re.compile(rf"[^\s/:]{{1,{LONGEST_INTERFACE}}}")


def check_ip(field: str, text: str, version: int | None = None) -> str:
    """Return the address as it was given, if it is one of that version of IP (None: of either)."""
    return str(parse_ip(field, text, version))


def parse_ip(field: str, text: str, version: int | None = None) -> IPAddress:
    """Read an address of that version of IP (None: of either)."""
    allowed = f"give an IPv{version or '4 or IPv6'} address without a prefix length"
    try:
        address = ip_address(text)
    except ValueError:
        raise InvalidValueError(field, text, allowed) from None
    if version not in {None, address.version} or "%" in text:
        raise InvalidValueError(field, text, allowed)
    return address


def parse_subnet(field: str, text: str, version: int) -> IPNetwork:
    """Read a subnet `172.20.20.0/24` of that version of IP; its host bits have to be zero."""
    allowed = f"give an IPv{version} subnet as address/length with all host bits zero"
    try:
        subnet = ip_network(text)
    except ValueError:
        raise InvalidValueError(field, text, allowed) from None
    if subnet.version != version or "/" not in text or "%" in text:
        raise InvalidValueError(field, text, allowed)
    return subnet


def contains(subnet: IPNetwork, part: IPNetwork) -> bool:
    """Tell whether a subnet holds all of another."""
    return subnet.version == part.version and part[0] in subnet and part[-1] in subnet


def static_address(field: str, text: str, version: int, subnet: str, gateway: str) -> str:
    """Check an address that a node asks for against the network's subnet and gateway, where those are known."""
    if not text:
        return ""
    address = parse_ip(field, text, version)
    if subnet and subnet != AUTO and address not in parse_subnet(f"ipv{version}-subnet", subnet, version):
        raise InvalidValueError(field, text, f"give an address in the management network's subnet {subnet}")
    if gateway and address == parse_ip(f"ipv{version}-gw", gateway, version):
        raise InvalidValueError(field, text, "the management network's gateway has this address")
    return str(address)


def check_mac(text: str) -> str:
    """Return a hardware address in lower case and with colons."""
    mac = text.lower()
    if not mac:
        return ""
    if not _MAC.fullmatch(mac):
        raise InvalidValueError("mac-address", text, "write six pairs of hexadecimal digits, 02:42:ac:14:14:02")
    if not mac.strip("0:-"):
        raise InvalidValueError("mac-address", text, "an interface can't have the address of all zeros")
    if int(mac[:2], 16) & 1:
        raise InvalidValueError("mac-address", text, "an interface can't have a group address (an odd first byte)")
    return mac.replace("-", ":")


def check_interface(field: str, text: str) -> str:
    """Return the name of an interface, if the kernel takes it."""
    if not _INTERFACE.fullmatch(text) or text in {".", ".."}:
        raise InvalidValueError(
            field, text, f"an interface's name has 1 to {LONGEST_INTERFACE} characters, no space, / or :"
        )
    return text


def extra_hosts(lines: Sequence[str]) -> tuple[str, ...]:
    """Check lines `name:address`; the address may be the word `host-gateway`."""
    return tuple(_extra_host(line) for line in lines)


def _extra_host(line: str) -> str:
    """Check one line; an IPv6 address may stand in brackets."""
    name, _, address = line.partition(":")
    if not name or any(character.isspace() for character in line):
        raise InvalidValueError("extra-hosts", line, "write name:address")
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    return f"{name}:{bare if bare == 'host-gateway' else check_ip('extra-hosts', bare)}"
