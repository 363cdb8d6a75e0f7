"""A /dev of a room's own, where an ordinary user may have what the host's keeps for root: /dev/net/tun and /dev/fuse.

What a device of the host may be used for is decided by its node's mode, and that is the host's business: so the nodes
are made anew, on a file system in memory that only the engine sees.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from tests.engines import linux

_FOR_EVERYBODY: Final = ("full", "fuse", "net/tun", "null", "random", "tty", "urandom", "zero")
_FOR_ROOT: Final = ("loop-control",)
"""A user's container sees that it is there, and no more."""
_LINKS: Final = {
    "fd": "/proc/self/fd",
    "ptmx": "pts/ptmx",
    "stderr": "/proc/self/fd/2",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
}


def mount(dev: Path) -> None:
    """Make it at DEV."""
    linux.mount("dev", dev, "tmpfs", data="mode=755")
    for name in ("mqueue", "net", "pts", "shm"):
        (dev / name).mkdir()
    for name in _FOR_EVERYBODY:
        _make_node(dev / name, Path("/dev", name), 0o666)
    for name in _FOR_ROOT:
        _make_node(dev / name, Path("/dev", name), 0o600)
    for name, target in _LINKS.items():
        (dev / name).symlink_to(target)
    linux.mount("mqueue", dev / "mqueue", "mqueue")


def _make_node(node: Path, original: Path, mode: int) -> None:
    """Make the device that the host has by that name, if it has it."""
    with contextlib.suppress(FileNotFoundError):
        os.mknod(node, stat.S_IFCHR, original.stat().st_rdev)
        node.chmod(mode)
