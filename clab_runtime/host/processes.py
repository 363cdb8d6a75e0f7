"""Processes of containers, as this machine sees them."""

import re
from collections.abc import Iterator
from pathlib import Path

_PARENT = re.compile(r"^PPid:\s+([0-9]+)$", re.MULTILINE)


def belongs_to(pid: int, container_id: str) -> bool:
    """Tell whether the process is one of the container's; raises OSError when there is no such process here.

    The engine may be on another machine, or in a VM: the same number is somebody else's process here. A container of a
    rootless engine may have no cgroup of its own; but who watches over its processes there was called with its id.
    """
    process = Path("/proc", str(pid))
    if container_id in (process / "cgroup").read_text():
        return True
    while True:
        try:
            return any(container_id in _command_line(parent) for parent in _ancestors(process))
        except (FileNotFoundError, ProcessLookupError):  # a parent has just ended, and another one has taken its place
            (process / "status").read_text()


def _command_line(process: Path) -> str:
    return (process / "cmdline").read_text(errors="replace")


def _ancestors(process: Path) -> Iterator[Path]:
    """Go from parent to parent, up to the last."""
    while (parent := _PARENT.search((process / "status").read_text())) and parent[1] != "0":
        process = Path("/proc", parent[1])
        yield process
