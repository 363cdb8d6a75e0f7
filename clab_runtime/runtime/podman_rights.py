"""What a rootless Podman has no right to do for a node, and what only it can, refused before any request.

An ordinary user's Podman has no cgroups to limit anything with, unless systemd hands it some (version 2 only): it then
ignores limits with a warning, and fails at the start, or at the pause, for the rest. It may never limit what a device
is used for. What it does in its user's namespaces is all there: bridges, addresses, sysctls, capabilities.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address
from pathlib import Path

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import NodeConfig
from clab_runtime.runtime.addresses import parse_ip
from clab_runtime.runtime.mounts import devices
from clab_runtime.runtime.ports import port_bindings

_ALL_USES = "rwm"
_LOOPBACK = IPv6Address("::1")
_FIRST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@dataclass(frozen=True, slots=True)
class Rights:
    """What an engine may do; as a whole, what root may."""

    rootless: bool = False
    has_cgroups: bool = True
    """Whether containers have cgroups of their own."""
    controllers: frozenset[str] = frozenset({"cpu", "cpuset", "memory"})
    """What can be limited."""
    first_port: int = 0
    """The lowest port of the host that can be published."""

    def check_node(self, node: NodeConfig, info: EngineInfo) -> None:
        """Refuse a node that asks for more."""
        for feature in self._missing(node) if self.rootless else _unreachable(node):
            raise _unsupported(info, feature)

    def within(self, spec: schema.ContainerSpec) -> schema.ContainerSpec:
        """Ask for no limits that are higher than the user's own, whatever those are: Podman gives all of them."""
        return msgspec.structs.replace(spec, r_limits=()) if self.rootless else spec

    def check_pause(self, info: EngineInfo) -> None:
        """Refuse to pause, which is done to a cgroup."""
        if not self.has_cgroups:
            raise _unsupported(info, "pausing when rootless, which takes cgroups of version 2")

    def check_stats(self, info: EngineInfo) -> None:
        """Refuse to measure, which is done by a cgroup."""
        if not self.has_cgroups:
            raise _unsupported(info, "measuring containers when rootless, which takes cgroups of version 2")

    def _missing(self, node: NodeConfig) -> Iterator[str]:
        """Name what is asked for in vain."""
        limits = {"cpu": node.cpu, "cpuset": node.cpuset, "memory": node.memory}
        for name in (name for name, limit in limits.items() if limit and name not in self.controllers):
            yield f"{name} when rootless: its user has not been given that cgroup controller"
        if node.cgroup_parent and not self.has_cgroups:
            yield "cgroup-parent when rootless, which takes cgroups of version 2"
        if any(set(device.cgroup_permissions) != set(_ALL_USES) for device in devices(node.devices)):
            yield f"devices with other permissions than {_ALL_USES} when rootless"
        numbers = (int(place.host_port.partition("-")[0] or 0) for place in _places(node))
        for port in (port for port in numbers if 0 < port < self.first_port):
            yield f"portbindings to port {port} when rootless: its user may have those from {self.first_port}"


def rights_of(host: schema.LibpodHost, endpoint: EngineEndpoint) -> Rights:
    """Tell what an engine may do that says this of itself; which ports, where it is on this host."""
    if not host.security.rootless:
        return Rights()
    first_port = int(_FIRST_PORT.read_text()) if endpoint.scheme == "unix" else 0
    has_cgroups = host.cgroup_version != "v1"
    controllers = frozenset(host.cgroup_controllers or ()) if has_cgroups else frozenset[str]()
    return Rights(rootless=True, has_cgroups=has_cgroups, controllers=controllers, first_port=first_port)


def _unreachable(node: NodeConfig) -> Iterator[str]:
    """Name the places where root's Podman would not be heard: for its ports the kernel has no way from ::1."""
    for place in _places(node):
        if place.host_ip and parse_ip("portbindings", place.host_ip) == _LOOPBACK:
            yield f"portbindings to {place.host_ip}, unless it is rootless"


def _places(node: NodeConfig) -> Iterator[schema.PortBinding]:
    """List the places on the host where a node is to be reached; port 0 or none: the engine's choice."""
    for places in port_bindings(node.port_bindings).values():
        yield from places


def _unsupported(info: EngineInfo, feature: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(info.engine, info.version, feature)
