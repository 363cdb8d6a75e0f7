"""What a container uses: processor, memory, networks, disks, processes."""

from collections.abc import Mapping
from datetime import datetime

from clab_runtime.models.base import Model


class InterfaceStats(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What went through one interface of a container, since the interface is there."""

    rx_bytes: int = 0
    """Bytes that the container has received."""
    tx_bytes: int = 0
    """Bytes that the container has sent."""


class ContainerStats(Model, frozen=True, kw_only=True, omit_defaults=True):
    """What a container uses at one moment; counters begin with 0 when it starts."""

    container: str
    """The name or id that was asked for."""
    name: str = ""
    """The container's name."""
    id: str = ""
    """The container's whole id."""
    timestamp: datetime
    """When it was measured, on the engine's clock, in UTC, to the microsecond."""
    time_nano: int
    """When, in nanoseconds since the epoch."""
    ended: bool = False
    """Whether the container does not run any more, or is gone: this is its last item, with the figures of the one
    before (zeros if there was none)."""
    cpu_percent: float | None = None
    """Its processor time since the measurement before, per time that has passed: 100 is one whole CPU, 200 two.

    None where there is no measurement before: for the first one of a stream, after a restart, and for `get_stats`.
    """
    cpu_total_ns: int = 0
    """Processor time since it was started, in nanoseconds."""
    online_cpus: int | None = None
    """How many CPUs there are for it; None where the engine does not say (Podman with cgroups of version 2)."""
    memory_usage: int = 0
    """Bytes of memory in use, as `docker stats` and `podman stats` show it: on Docker without the page cache that was
    not used lately (`inactive_file`); what Podman tells is taken as it is."""
    memory_limit: int | None = None
    """Bytes of memory that it may use, or that the machine has; None where the engine does not say."""
    memory_percent: float | None = None
    """The usage in percent of the limit; None without a limit."""
    rx_bytes: int = 0
    """Bytes received by all interfaces but the loopback's."""
    tx_bytes: int = 0
    """Bytes sent by all interfaces but the loopback's."""
    interfaces: Mapping[str, InterfaceStats] = {}
    """The same by interface; empty where the engine tells the sum alone (Podman 4), or the network is not its own."""
    block_read_bytes: int = 0
    """Bytes read from block devices."""
    block_write_bytes: int = 0
    """Bytes written to block devices."""
    pids: int = 0
    """How many processes and threads it has."""
