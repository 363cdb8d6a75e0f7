"""What a node may use, as Podman is asked for it."""

import resource
from pathlib import Path
from typing import Final, TypedDict

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.models import NodeConfig
from clab_runtime.runtime import settings, units
from clab_runtime.runtime.podman_version import is_since

_RLIMITS_MERGED_SINCE: Final = APIVersion(5, 0)
_UNLIMITED: Final = -1
_MOST_BYTES: Final = 2**63 - 1
_MOST_PROCESSES = Path("/proc/sys/kernel/pid_max")
_USUAL_MOST: Final = 32768
"""What the kernel's limit is unless somebody has raised it."""


class Limits(TypedDict):
    """What a request has of limits."""

    cgroup_parent: str
    shm_size: int
    resource_limits: schema.SpecResources
    r_limits: list[schema.Rlimit]


def limits(node: NodeConfig, nofile: int, info: EngineInfo) -> Limits:
    """Limit what a node may use, and its open files to `nofile`."""
    return Limits(
        cgroup_parent=settings.cgroup_parent(node.cgroup_parent),
        shm_size=units.parse_size("shm-size", node.shm_size),
        resource_limits=_resources(node),
        r_limits=_rlimits(nofile, info),
    )


def _resources(node: NodeConfig) -> schema.SpecResources:
    """Limit memory and CPUs; not processes, which Podman does where nothing is said, and Docker does not."""
    return schema.SpecResources(
        memory=_memory(units.memory_limit(node.memory)),
        cpu=_cpu(units.cpu_quota(node.cpu), settings.cpuset(node.cpuset)),
        pids=schema.SpecPids(limit=_UNLIMITED),
    )


def _rlimits(nofile: int, info: EngineInfo) -> list[schema.Rlimit]:
    """Limit open files; older Podmans want for processes, if nothing is said, more than they may themselves."""
    limits = [schema.Rlimit(type="nofile", soft=nofile, hard=nofile)]
    if not is_since(info, _RLIMITS_MERGED_SINCE):
        nproc = _nproc_limit()
        limits.append(schema.Rlimit(type="nproc", soft=nproc, hard=nproc))
    return limits


def _memory(limit: int) -> schema.SpecMemory | None:
    """Limit memory, and as much again of swap, as Docker does."""
    return schema.SpecMemory(limit=limit, swap=min(2 * limit, _MOST_BYTES)) if limit else None


def _cpu(quota: int, cpus: str) -> schema.SpecCPU | None:
    """Limit the time on CPUs, and choose them."""
    if not (quota or cpus):
        return None
    return schema.SpecCPU(quota=quota, period=units.CPU_PERIOD if quota else 0, cpus=cpus)


def _nproc_limit() -> int:
    """Tell how many processes a user may have: what this process may, and no more than Podman 4 gives itself."""
    try:
        most = int(_MOST_PROCESSES.read_text())
    except (OSError, ValueError):
        most = _USUAL_MOST
    _, hard = resource.getrlimit(resource.RLIMIT_NPROC)
    return most if hard == resource.RLIM_INFINITY else min(hard, most)
