"""Ports as nodes ask for them: `80`, `80/tcp`, `8000-8010/udp`, and where on the host they are."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import NodeConfig, PortBinding
from clab_runtime.runtime.addresses import check_ip

PROTOCOLS: Final = ("tcp", "udp", "sctp")
_RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_HIGHEST = 65535


def port_bindings(bindings: Mapping[str, Sequence[PortBinding]]) -> dict[str, list[schema.PortBinding]]:
    """Say for each single port of the container where it is published; ranges are taken apart."""
    published: dict[str, list[schema.PortBinding]] = {}
    for key, places in bindings.items():
        ports, protocol = parse_ports("portbindings", key)
        for place in places or (PortBinding(),):
            for port, binding in zip(ports, _on_host(place, ports), strict=True):
                published.setdefault(f"{port}/{protocol}", []).append(binding)
    return published


def exposed_ports(node: NodeConfig) -> dict[str, schema.Empty]:
    """Collect the ports that are published, and those that are exposed alone."""
    single = [*_single("portbindings", node.port_bindings), *_single("portset", node.port_set)]
    return {f"{port}/{protocol}": {} for port, protocol in single}


def port_set(node: NodeConfig) -> Iterator[tuple[int, str]]:
    """Collect the ports that are exposed, published or not."""
    return _single("portset", node.port_set)


def _single(field: str, keys: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Take ranges apart."""
    for key in keys:
        ports, protocol = parse_ports(field, key)
        yield from ((port, protocol) for port in ports)


def parse_ports(field: str, key: str) -> tuple[range, str]:
    """Read `80`, `80/tcp` or `8000-8010/udp`; no protocol means tcp."""
    numbers, slash, protocol = key.partition("/")
    ports = _parse_range(field, key, numbers, lowest=1)
    protocol = protocol.lower() if slash else "tcp"
    if protocol not in PROTOCOLS:
        raise InvalidValueError(field, key, f"the protocol is one of {', '.join(PROTOCOLS)}")
    return ports, protocol


def _parse_range(field: str, text: str, numbers: str, lowest: int) -> range:
    """Read `80` or `8000-8010`."""
    parts = _RANGE.fullmatch(numbers)
    first, last = (int(parts[1]), int(parts[2] or parts[1])) if parts else (-1, -1)
    if not lowest <= first <= last <= _HIGHEST:
        raise InvalidValueError(field, text, f"write a port or a range first-last, {lowest} to {_HIGHEST}")
    return range(first, last + 1)


def _on_host(place: PortBinding, ports: range) -> Iterator[schema.PortBinding]:
    """Give each of the container's ports its place on the host."""
    host_ip = check_ip("portbindings", place.host_ip) if place.host_ip else ""
    for host_port in _host_ports(place.host_port, ports):
        yield schema.PortBinding(host_ip=host_ip, host_port=host_port)


def _host_ports(text: str, ports: range) -> list[str]:
    """Pair the host's ports with the container's; a range for a single port leaves the choice to the engine."""
    if not text:
        return [""] * len(ports)
    host = _parse_range("portbindings", text, text, lowest=0)
    if len(ports) == 1:
        return [text]
    if len(host) != len(ports):
        raise InvalidValueError("portbindings", text, f"give as many host ports as the container has: {len(ports)}")
    return [str(port) for port in host]
