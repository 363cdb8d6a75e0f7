"""A node's place in its network, its ports and its names, as Podman is asked for them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypedDict

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.models import DNSConfig, NodeConfig
from clab_runtime.runtime import ports, settings
from clab_runtime.runtime.addresses import extra_hosts
from clab_runtime.runtime.attachment import Attachment
from clab_runtime.runtime.podman_version import is_since, unsupported

HOST_GATEWAY_SINCE: Final = APIVersion(4, 7)
"""The first Podman that puts an address for `host-gateway`; older ones write the word itself."""

SCTP_EXPOSED_SINCE: Final = APIVersion(5, 0)
"""A Podman that does not refuse to expose a port of SCTP, as 4.3 does."""


class Connected(TypedDict):
    """What a request has of networks."""

    networks: Mapping[str, schema.PerNetwork]
    portmappings: Sequence[schema.PortMapping]
    expose: Mapping[int, str]
    dns_server: Sequence[str]
    dns_search: Sequence[str]
    dns_option: Sequence[str]
    hostadd: Sequence[str]


def connected(node: NodeConfig, network: Attachment, info: EngineInfo) -> Connected:
    """Ask for a place in the network, and say by which names others are found, and itself."""
    dns = _name_resolution(node, network, info)
    return Connected(
        networks=_networks(network),
        portmappings=_port_mappings(node, info),
        expose=_exposed_ports(node, info),
        dns_server=dns.servers,
        dns_search=dns.search,
        dns_option=dns.options,
        hostadd=_added_hosts(node, info),
    )


def _networks(network: Attachment) -> dict[str, schema.PerNetwork]:
    """Say what is asked for in each network."""
    place = network.place
    if place is None:
        return {}
    asked = schema.PerNetwork(
        static_ips=tuple(address for address in (place.ipv4, place.ipv6) if address),
        static_mac=place.mac,
        interface_name=place.interface,
        aliases=place.aliases,
    )
    return {network.network_mode: asked}


def _port_mappings(node: NodeConfig, info: EngineInfo) -> tuple[schema.PortMapping, ...]:
    """Say for each port of the container where it is published."""
    published = ports.port_bindings(node.port_bindings)
    return tuple(mapping for key, places in published.items() for mapping in _of_port(key, places, info))


def _exposed_ports(node: NodeConfig, info: EngineInfo) -> Mapping[int, str]:
    """Collect the ports that are exposed, each with its protocols; that published ones are is understood."""
    exposed: dict[int, set[str]] = {}
    for port, protocol in ports.port_set(node):
        if protocol == "sctp" and not is_since(info, SCTP_EXPOSED_SINCE):
            raise unsupported(info, f"portset {port}/sctp")
        exposed.setdefault(port, set()).add(protocol)
    return {port: ",".join(sorted(protocols)) for port, protocols in exposed.items()}


def _name_resolution(node: NodeConfig, network: Attachment, info: EngineInfo) -> DNSConfig:
    """Check how names are resolved; a container without a network gets no resolv.conf that it could be said in."""
    dns = settings.name_resolution(node.dns)
    if network.network_mode == "none" and dns != DNSConfig():
        raise unsupported(info, "dns with networkmode 'none'")
    return dns


def _added_hosts(node: NodeConfig, info: EngineInfo) -> tuple[str, ...]:
    """Check the lines of /etc/hosts."""
    lines = extra_hosts(node.extra_hosts)
    if any(line.endswith(":host-gateway") for line in lines) and not is_since(info, HOST_GATEWAY_SINCE):
        raise unsupported(info, f"extra-hosts with host-gateway, which needs Podman {HOST_GATEWAY_SINCE}")
    return lines


def _of_port(key: str, places: Sequence[schema.PortBinding], info: EngineInfo) -> Iterator[schema.PortMapping]:
    """Give a port of the container its places on the host."""
    port, _, protocol = key.partition("/")
    _refuse_impossible(key, places, info)
    for place in places:
        yield schema.PortMapping(
            container_port=int(port),
            protocol=protocol,
            host_ip=place.host_ip,
            host_port=int(place.host_port or 0),
        )


def _refuse_impossible(key: str, places: Sequence[schema.PortBinding], info: EngineInfo) -> None:
    """Refuse places that Podman would take for others, or where nobody would be heard."""
    chosen = [place.host_ip for place in places if not int(place.host_port.partition("-")[0] or 0)]
    for place in places:
        if "-" in place.host_port:
            raise unsupported(info, f"portbindings {key!r}: choosing among the host's ports {place.host_port}")
    if len(chosen) > len(set(chosen)):
        raise unsupported(info, f"portbindings {key!r}: choosing two of the host's ports for one")
