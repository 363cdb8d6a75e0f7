"""Ports of a container and of the host, as asked for and as bound."""

import msgspec

from clab_runtime.models.base import Model
from clab_runtime.models.given import GivenModel


class PortBinding(GivenModel, frozen=True, omit_defaults=True):
    """Where on the host a container's port is asked to be; the key of the map is `80/tcp`."""

    host_ip: str = msgspec.field(default="", name="HostIp")
    """The host's address; empty: all of them."""
    host_port: str = msgspec.field(default="", name="HostPort")
    """The host's port, or a range `8000-8010`; empty: the engine chooses."""


class GenericPortBinding(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A port of a container as it is bound on the host."""

    host_ip: str = ""
    """The host's address; empty: all of them."""
    host_port: int = 0
    """The port on the host."""
    container_port: int = msgspec.field(default=0, name="port")
    """The port in the container."""
    protocol: str = ""
    """tcp, udp or sctp; empty: tcp."""

    def __str__(self) -> str:
        host = f"[{self.host_ip}]" if ":" in self.host_ip else self.host_ip
        return f"{host}:{self.host_port}/{self.protocol or 'tcp'} -> {self.container_port}"
