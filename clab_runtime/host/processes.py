"""Processes of containers, as this machine sees them."""

from pathlib import Path


def belongs_to(pid: int, container_id: str) -> bool:
    """Tell whether the process is one of the container's; raises OSError when there is no such process here.

    The engine may be on another machine, or in a VM: the same number is somebody else's process here.
    """
    return container_id in Path(f"/proc/{pid}/cgroup").read_text()
