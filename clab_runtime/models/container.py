"""A container as the engine has it."""

from collections.abc import Mapping, Sequence
from copy import copy
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self, cast

from msgspec.structs import force_setattr

from clab_runtime.errors import ContainerRuntimeError
from clab_runtime.models.base import Model
from clab_runtime.models.exec import ExecCmd, ExecResult
from clab_runtime.models.ports import GenericPortBinding

if TYPE_CHECKING:
    from clab_runtime.runtime.base import ContainerRuntime

NOT_AVAILABLE = "N/A"


class ContainerStatus(StrEnum):
    """What state a container is in."""

    NOT_FOUND = "NotFound"
    RUNNING = "Running"
    STOPPED = "Stopped"
    PAUSED = "Paused"
    CREATED = "Created"
    RESTARTING = "Restarting"
    REMOVING = "Removing"

    @property
    def has_joinable_netns(self) -> bool:
        """Whether its network namespace can be entered: its process lives, even if it is paused."""
        return self in WITH_PROCESS


WITH_PROCESS: Final = (ContainerStatus.RUNNING, ContainerStatus.PAUSED)
"""What is said of a container whose process lives."""


class ContainerMount(Model, frozen=True, omit_defaults=True):
    """A mount inside a container."""

    source: str
    """The path on the host, or the volume's name where the engine tells no path."""
    destination: str
    """The path in the container."""


class GenericMgmtIPs(Model, frozen=True, kw_only=True, omit_defaults=True):
    """A container's addresses on the management network; empty where there is none."""

    ipv4_addr: str = ""
    """The IPv4 address, without a prefix length."""
    ipv4_prefix_length: int = 0
    """The length in bits of the network's IPv4 prefix."""
    ipv4_gw: str = ""
    """The IPv4 gateway's address."""
    ipv6_addr: str = ""
    """The IPv6 address, without a prefix length."""
    ipv6_prefix_length: int = 0
    """The length in bits of the network's IPv6 prefix."""
    ipv6_gw: str = ""
    """The IPv6 gateway's address."""


class GenericContainer(Model, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """A container, in the same words on every engine."""

    names: Sequence[str] = ()
    """Its names, without a slash."""
    id: str = ""
    """Its whole id."""
    short_id: str = ""
    """The id's first 12 characters."""
    image: str = ""
    """The reference of the image that it was made from."""
    state: str = ""
    """Its state in the engine's word, such as `running`."""
    status: str = ""
    """Its state for people, such as `Up 3 minutes (healthy)`."""
    labels: Mapping[str, str] = {}
    """Its labels."""
    pid: int = 0
    """Its first process's id on the host; 0: it does not run."""
    network_name: str = ""
    """The management network's name."""
    network_settings: GenericMgmtIPs = GenericMgmtIPs()
    """Its addresses there."""
    mounts: Sequence[ContainerMount] = ()
    """All its mounts."""
    ports: Sequence[GenericPortBinding] = ()
    """Its ports that are bound on the host."""

    @property
    def ipv4(self) -> str:
        """The management address, `172.20.20.2/24`, or `N/A`."""
        return _prefixed(self.network_settings.ipv4_addr, self.network_settings.ipv4_prefix_length)

    @property
    def ipv6(self) -> str:
        """The management address, `3fff:172:20:20::2/64`, or `N/A`."""
        return _prefixed(self.network_settings.ipv6_addr, self.network_settings.ipv6_prefix_length)

    @property
    def runtime(self) -> "ContainerRuntime":
        """The runtime that listed it; it is no part of the container's value, and never encoded."""
        if "_runtime" not in self.__dict__:
            name = self.names[0] if self.names else self.short_id
            raise ContainerRuntimeError(f"container {name!r} has no runtime; list it with one, or use with_runtime()")
        return cast("ContainerRuntime", self.__dict__["_runtime"])

    def with_runtime(self, runtime: "ContainerRuntime") -> Self:
        """Make a copy that knows its runtime."""
        twin = copy(self)
        force_setattr(twin, "_runtime", runtime)
        return twin

    async def run_exec(self, cmd: ExecCmd) -> ExecResult:
        """Run a command in it and wait for the end."""
        return await self.runtime.exec(self.id, cmd)


def _prefixed(address: str, length: int) -> str:
    """Join an address and its prefix's length."""
    return f"{address}/{length}" if address else NOT_AVAILABLE
