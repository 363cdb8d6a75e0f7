"""What a container uses, as engines tell it: Docker's words are GET /containers/{id}/stats, Podman's its own."""

from collections.abc import Mapping, Sequence

from msgspec import Raw, field

from clab_runtime.engine.schema.base import Reply


class CPUUsage(Reply, rename=None):
    """Processor time in nanoseconds."""

    total_usage: int = 0


class CPUStats(Reply, rename=None):
    """Processor time, and the CPUs that there are."""

    cpu_usage: CPUUsage = field(default_factory=CPUUsage)
    online_cpus: int = 0


class MemoryStats(Reply, rename=None):
    """Memory in bytes; the names in `stats` are the kernel's, which depend on the version of cgroups."""

    usage: int = 0
    limit: int = 0
    stats: Mapping[str, int] | None = None


class InterfaceCounters(Reply, rename=None):
    """What went through an interface, in bytes."""

    rx_bytes: int = 0
    tx_bytes: int = 0


class BlockEntry(Reply, rename=None):
    """What one kind of operation has moved, in bytes."""

    op: str = ""
    value: int = 0


class BlockStats(Reply, rename=None):
    """What went from and to block devices."""

    io_service_bytes_recursive: Sequence[BlockEntry] | None = None


class PidsStats(Reply, rename=None):
    """How many processes and threads there are."""

    current: int = 0


class Stats(Reply, rename=None):
    """An item of GET /containers/{id}/stats; of a container that does not run, `read` is in the year 1."""

    read: str = ""
    cpu_stats: CPUStats = field(default_factory=CPUStats)
    memory_stats: MemoryStats = field(default_factory=MemoryStats)
    networks: Mapping[str, InterfaceCounters] | None = None
    blkio_stats: BlockStats = field(default_factory=BlockStats)
    pids_stats: PidsStats = field(default_factory=PidsStats)


class LibpodInterface(Reply):
    """What went through an interface, in bytes."""

    rx_bytes: int = 0
    tx_bytes: int = 0


class LibpodStats(Reply):
    """A container in GET /libpod/containers/stats; all is 0 of one that does not run."""

    container_id: str = field(name="ContainerID", default="")
    per_cpu: Sequence[int] | None = field(name="PerCPU", default=None)
    cpu_nano: int = field(name="CPUNano", default=0)
    system_nano: int = 0
    """When, in nanoseconds since the epoch."""
    mem_usage: int = 0
    mem_limit: int = 0
    network: Mapping[str, LibpodInterface] | None = None
    """By interface, since Podman 5."""
    net_input: int = 0
    """Podman 4's only figures."""
    net_output: int = 0
    block_input: int = 0
    block_output: int = 0
    pids: int = field(name="PIDs", default=0)


class LibpodStatsReport(Reply):
    """GET /libpod/containers/stats; an error has no words, and takes all containers along."""

    error: Raw = Raw(b"null")
    stats: Sequence[LibpodStats] | None = None
