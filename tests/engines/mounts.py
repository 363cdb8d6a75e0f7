"""The host's mounts that an engine shares with the outside, and how they are found and removed.

An engine has a mount namespace of its own. Only one directory is shared with the host, the one where the engine keeps
the files of its containers' network namespaces, so that a container's SandboxKey names a file outside as well: Docker's
lies in the engine's directory, Podman's is always /run/netns. Where the host has nothing mounted there, a small
file system named after this harness is, and the last engine to go takes it away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import cgroups, linux

if TYPE_CHECKING:
    from collections.abc import Generator

RUN_NETNS = Path("/run/netns")
_OURS = "clab-engines"
_OURS_WITH_DIRECTORY = "clab-engines-directory"  # the mount point was made for it, too
_BOUND = RUN_NETNS.with_name("clab-engines-netns")
"""A file that is there while /run/netns is bound to itself by us: a bind mount has no name of its own."""

_ABSENT = RUN_NETNS.with_name("clab-engines-no-netns")
"""A file that is there while the directory /run/netns, if it is there, has come with our engines."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A line of mountinfo: where, what, and the file system's device number."""

    target: Path
    source: str
    device: str


def mounted() -> list[Mount]:
    """Return the mounts of this namespace, in the order they were made."""
    return [_mount(line) for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _mount(line: str) -> Mount:
    fields, _, rest = line.partition(" - ")
    return Mount(Path(_unescaped(fields.split()[4])), rest.split()[1], fields.split()[2])


def _unescaped(word: str) -> str:
    return word.encode().decode("unicode_escape").encode("latin-1").decode()


def share(directory: Path) -> None:
    """Make DIRECTORY a mount of its own whose mounts are seen in every mount namespace that has a copy of it."""
    directory.mkdir(parents=True, exist_ok=True)
    linux.bind(directory, directory)
    linux.set_propagation(directory, linux.MS_PRIVATE)  # not a peer of what it lies on
    linux.set_propagation(directory, linux.MS_SHARED)


def unmount_below(directory: Path) -> None:
    """Remove every mount on or below DIRECTORY, the newest first."""
    for mount in reversed(mounted()):
        if mount.target.is_relative_to(directory):
            linux.unmount(mount.target)


def note_run_netns() -> None:
    """Note it if there is no /run/netns: whoever makes it while our engines run, as runtimes do, makes it for us."""
    with _run_netns_lock():
        if not RUN_NETNS.exists():
            _ABSENT.touch()


@contextlib.contextmanager
def run_netns_shared() -> Generator[None]:
    """Make the host's /run/netns a shared mount, as iproute2 and Podman do; it stays at least until the block ends."""
    with _run_netns_lock():
        if not any(mount.target == RUN_NETNS for mount in mounted()):
            _mount_run_netns()
        linux.set_propagation(RUN_NETNS, linux.MS_SHARED)
        yield


def _mount_run_netns() -> None:
    is_new = not RUN_NETNS.exists()
    RUN_NETNS.mkdir(exist_ok=True)
    if any(RUN_NETNS.iterdir()):
        _BOUND.touch()
        linux.bind(RUN_NETNS, RUN_NETNS)
    else:
        linux.mount(_OURS_WITH_DIRECTORY if is_new else _OURS, RUN_NETNS, "tmpfs", data="mode=755")
    linux.set_propagation(RUN_NETNS, linux.MS_PRIVATE)  # not a peer of what it lies on


def release_run_netns(files: set[Path]) -> None:
    """Remove FILES from /run/netns, and then the mount, if it is ours, empty, and no engine has it."""
    for file in files:
        with contextlib.suppress(OSError):
            linux.unmount(file)
        file.unlink(missing_ok=True)
    with _run_netns_lock():
        ours = [mount for mount in mounted() if mount.target == RUN_NETNS and mount.source.startswith(_OURS)]
        if ours and not any(RUN_NETNS.iterdir()) and not _an_engine_has(ours[-1].device):
            linux.unmount(RUN_NETNS)
            if ours[-1].source == _OURS_WITH_DIRECTORY:
                RUN_NETNS.rmdir()
        if _BOUND.exists() and not cgroups.all_processes():
            _unbind_run_netns()
        if _ABSENT.exists() and not cgroups.all_processes():
            _ABSENT.unlink()
            with contextlib.suppress(OSError):  # somebody else has put something there
                RUN_NETNS.rmdir()


def _unbind_run_netns() -> None:
    """Undo the bind, which only the last engine may; what lay in the directory before stays."""
    if any(mount.target == RUN_NETNS for mount in mounted()):
        linux.unmount(RUN_NETNS)
    _BOUND.unlink()


def _an_engine_has(device: str) -> bool:
    for pid in cgroups.all_processes():
        with contextlib.suppress(OSError):  # it may have just ended
            if f" {device} " in Path(f"/proc/{pid}/mountinfo").read_text():
                return True
    return False


@contextlib.contextmanager
def _run_netns_lock() -> Generator[None]:
    """Lock out other harnesses (the directory itself is what iproute2 and Podman lock)."""
    descriptor = os.open(RUN_NETNS.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
