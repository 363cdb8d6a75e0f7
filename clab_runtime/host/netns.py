"""Links in /run/netns to the network namespaces of containers, so that `ip netns exec <name>` works.

Only links as containerlab makes them, to `/proc/<pid>/ns/net` or to an engine's own file of a namespace, are ever
replaced or removed: what `ip netns add` makes are files.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from clab_runtime.host.problems import HostError

DIRECTORY = Path("/run/netns")

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Link(NamedTuple):
    """A link as it was found."""

    path: Path
    target: str

    def remove(self) -> None:
        """Remove it, unless it is gone or leads elsewhere by now; raises OSError."""
        if find(self.path.name) == self:
            self.path.unlink(missing_ok=True)


def find(name: str) -> Link | None:
    """Look for the link of that name."""
    if not _NAME.fullmatch(name):
        return None
    path = DIRECTORY / name
    with suppress(OSError):  # it is not there, or no link
        return Link(path, str(path.readlink()))
    return None


def is_writable() -> bool:
    """Tell whether this process may make links."""
    return os.access(DIRECTORY if DIRECTORY.exists() else DIRECTORY.parent, os.W_OK | os.X_OK)


def make(name: str, target: str) -> None:
    """Link a name to a namespace, instead of where it may have led before; raises OSError and HostError."""
    if not _NAME.fullmatch(name):
        raise HostError(f"{name!r} can't be the name of a file in {DIRECTORY}")
    DIRECTORY.mkdir(exist_ok=True)
    link = find(name)
    if link and link.target != target:
        link.remove()
    if not link or link.target != target:
        _symlink(DIRECTORY / name, target)


def _symlink(path: Path, target: str) -> None:
    """Make a link where there is nothing."""
    try:
        path.symlink_to(target)
    except FileExistsError:
        raise HostError(f"{path} is there, and no link of a lab's") from None
