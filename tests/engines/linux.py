"""System calls that Python 3.11 has no function for (mounts, namespaces), and the rights they take."""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import re
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tests.engines.errors import EngineSetupError

MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_UNBINDABLE: Final = 1 << 17
MS_PRIVATE: Final = 1 << 18
MS_SLAVE: Final = 1 << 19
MS_SHARED: Final = 1 << 20

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWCGROUP: Final = 0x02000000
CLONE_NEWNET: Final = 0x40000000

_MNT_DETACH: Final = 2
_PR_SET_CHILD_SUBREAPER: Final = 36
_AT_FDCWD: Final = -100
_OPEN_TREE_CLONE: Final = 1
_MOVE_MOUNT_F_EMPTY_PATH: Final = 4
_SYS_OPEN_TREE: Final = 428
_SYS_MOVE_MOUNT: Final = 429
_SYS_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "ppc64le": 203, "s390x": 217}
_SIOCSIFFLAGS: Final = 0x8914
_IFF_UP: Final = 1
_CAP_NET_ADMIN: Final = 12
_CAP_SYS_ADMIN: Final = 21

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(number: int, *arguments: int | bytes) -> int:
    wrapped = [ctypes.c_long(value) if isinstance(value, int) else ctypes.c_char_p(value) for value in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *wrapped))


def mount(source: str | Path, target: str | Path, fstype: str = "none", flags: int = 0, data: str = "") -> None:
    """Call mount(2)."""
    result = _libc.mount(
        os.fsencode(source), os.fsencode(target), fstype.encode(), ctypes.c_ulong(flags), data.encode()
    )
    _checked(result, f"mount of {fstype if fstype != 'none' else source} on {target}")


def bind(source: Path, target: Path, *, recursive: bool = False) -> None:
    """Make SOURCE visible at TARGET too."""
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))


def set_propagation(target: str | Path, flags: int) -> None:
    """Change how mounts below TARGET are shared with other mount namespaces."""
    mount("none", target, flags=flags)


def unmount(target: str | Path) -> None:
    """Detach what is mounted on TARGET, at once, whoever still uses it."""
    _checked(_libc.umount2(os.fsencode(target), _MNT_DETACH), f"umount of {target}")


def clone_mount(path: Path) -> int:
    """Return a descriptor of a detached second copy of the mount at PATH, a peer of it when that is shared."""
    return _checked(_syscall(_SYS_OPEN_TREE, _AT_FDCWD, os.fsencode(path), _OPEN_TREE_CLONE), f"open_tree of {path}")


def attach_mount(descriptor: int, target: Path) -> None:
    """Put a detached mount on TARGET."""
    result = _syscall(_SYS_MOVE_MOUNT, descriptor, b"", _AT_FDCWD, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH)
    _checked(result, f"move_mount to {target}")


def pivot_root_here() -> None:
    """Make the working directory, a mount point, the root of the mount namespace, and drop the old root."""
    _checked(_syscall(_SYS_PIVOT_ROOT[platform.machine()], b".", b"."), "pivot_root")
    unmount(".")  # the old root lies on top of the new one now
    os.chdir("/")


def unshare(flags: int) -> None:
    """Call unshare(2)."""
    _checked(_libc.unshare(flags), "unshare")


def join_own_mount_namespace() -> None:
    """Make root and working directory the real root of the mount namespace, whatever chroot they were in."""
    descriptor = os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(descriptor, CLONE_NEWNS), "setns")
    finally:
        os.close(descriptor)


def private_mount_namespace(extra_flags: int = 0) -> None:
    """Enter new namespaces where no mount made here can be seen outside, and keep the root the process has.

    In a chroot "/" is no mount point, so its propagation can only be changed from the namespace's real root.
    """
    unshare(CLONE_NEWNS | extra_flags)
    here = os.open("/", os.O_PATH | os.O_CLOEXEC)
    join_own_mount_namespace()
    set_propagation("/", MS_REC | MS_SLAVE)
    os.fchdir(here)
    os.chroot(".")
    os.close(here)


def socket_in(netns: Path) -> socket.socket:
    """Return a TCP socket that lives in another network namespace; only the thread that makes it goes there."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_enter_and_make_socket, netns).result()


def _enter_and_make_socket(netns: Path) -> socket.socket:
    descriptor = os.open(netns, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _checked(_libc.setns(descriptor, CLONE_NEWNET), f"setns to {netns}")
    finally:
        os.close(descriptor)
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM)


def become_subreaper() -> None:
    """Adopt the orphans of this process's children."""
    _checked(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def loopback_up() -> None:
    """Set the loopback interface of this network namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", _IFF_UP))


def require_rights() -> None:
    """Raise when this process may not make namespaces and mounts."""
    found = re.search(r"^CapEff:\s*([0-9a-f]+)", Path("/proc/self/status").read_text(), re.MULTILINE)
    effective = int(found[1], 16) if found else 0
    needed = 1 << _CAP_SYS_ADMIN | 1 << _CAP_NET_ADMIN
    if os.geteuid() != 0 or effective & needed != needed:
        raise EngineSetupError(
            "private engines need root with CAP_SYS_ADMIN and CAP_NET_ADMIN: run the same command with sudo"
            " (in a container: docker run --privileged)"
        )
    if platform.machine() not in _SYS_PIVOT_ROOT:
        raise EngineSetupError(f"private engines are not known to work on {platform.machine()}")
