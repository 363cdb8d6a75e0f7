"""The room an engine lives in: mount, network and cgroup namespaces whose real root is the engine's own tree.

A chroot would not do: an ``exec`` joins the mount namespace of a container at that namespace's root, and after a chroot
runc's way there starts at the host's. So the root of the namespace itself is changed, which also works for a process
that is in a chroot: its namespace's real root is joined first (see linux.private_mount_namespace).

Inside, the tree is an overlay on the cache with its changes in memory; /proc, /sys and /run are new. /dev is the
host's (a rootless engine has one of its own, see devices.py), and so is every other top-level directory but those that
hold programs and their state: a host path under /tmp, /home or /root means the same inside and outside. Of the host's
/var and /run only the engine's own directory is there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import cgroups, daemons, devices, linux, user

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engines.state import Engine

_PROGRAMS = {"bin", "lib", "lib32", "lib64", "libx32", "sbin", "usr"}
_NOT_SHARED = _PROGRAMS | {"boot", "dev", "etc", "proc", "run", "sys", "var"}
_MODULES = Path("/usr/lib/modules")


def enter(engine: Engine, tree: Path, cgroup: str) -> None:
    """Move this process there.

    The engine's directory looks the same inside, and so does the one that it shares, where mounts are seen outside.
    """
    directory, shared = engine.directory, daemons.netns_directory(engine.spec, engine.directory)
    shared_mount = linux.clone_mount(shared) if shared else -1
    linux.private_mount_namespace(linux.CLONE_NEWNET)
    linux.loopback_up()
    scratch, root = directory / "scratch", directory / "root"
    _mount_scratch(scratch)
    cgroups.enter(cgroup, scratch / "cgroup")
    _mount_tree(tree, scratch, root)
    _mount_system(root)
    _mount_devices(root / "dev", own=engine.rootless)
    _share_host_directories(root)
    _show(directory, root)
    if shared:
        _show_shared(shared_mount, shared, root)
    _write_files(root / "etc", daemons.settings(engine.spec, directory))
    _prepare_storage(scratch, root, directory / "data", f"uid={user.UID},mode=711" if engine.rootless else "mode=711")
    linux.set_propagation(root, linux.MS_PRIVATE)
    _become_root(root)


def _mount_scratch(scratch: Path) -> None:
    scratch.mkdir(exist_ok=True)
    linux.mount("scratch", scratch, "tmpfs", data="mode=755")
    for name in ("cgroup", "upper", "work"):
        (scratch / name).mkdir()


def _mount_tree(tree: Path, scratch: Path, root: Path) -> None:
    root.mkdir(exist_ok=True)
    layers = f"lowerdir={tree},upperdir={scratch}/upper,workdir={scratch}/work"
    linux.mount("overlay", root, "overlay", data=layers)
    linux.set_propagation(root, linux.MS_UNBINDABLE)  # or the host directory it is in would hold it once more inside


def _mount_system(root: Path) -> None:
    linux.mount("proc", root / "proc", "proc")
    linux.mount("sysfs", root / "sys", "sysfs")
    cgroups.mount_for_engine(root / "sys/fs/cgroup")
    linux.mount("run", root / "run", "tmpfs", data="mode=755")
    (root / "run/lock").mkdir()
    if _MODULES.is_dir():
        linux.bind(_MODULES, root / "usr/lib/modules")


def _mount_devices(dev: Path, *, own: bool) -> None:
    if own:
        devices.mount(dev)
    else:
        linux.bind(Path("/dev"), dev, recursive=True)
    _mount_missing(dev / "pts", "devpts", "newinstance,ptmxmode=0666,mode=0620")
    _mount_missing(dev / "shm", "tmpfs", "mode=1777")


def _mount_missing(target: Path, fstype: str, options: str) -> None:
    if target.is_dir() and not target.is_mount():
        linux.mount(fstype, target, fstype, data=options)


def _share_host_directories(root: Path) -> None:
    for place in Path("/").iterdir():
        if place.name not in _NOT_SHARED and place.is_dir() and not place.is_symlink():
            (root / place.name).mkdir(exist_ok=True)
            linux.bind(place, root / place.name, recursive=True)


def _show(directory: Path, root: Path) -> None:
    inside = root / directory.relative_to("/")
    inside.mkdir(parents=True, exist_ok=True)
    linux.bind(directory, inside)


def _show_shared(mount: int, shared: Path, root: Path) -> None:
    inside = root / shared.relative_to("/")
    inside.mkdir(parents=True, exist_ok=True)
    linux.attach_mount(mount, inside)
    os.close(mount)


def _write_files(etc: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (etc / name).parent.mkdir(parents=True, exist_ok=True)
        (etc / name).write_text(text)


def _prepare_storage(scratch: Path, root: Path, data: Path, options: str) -> None:
    """Keep DATA on disk if overlays work there, else in memory."""
    data.mkdir(exist_ok=True)
    inside = root / data.relative_to("/")
    if not _overlay_works(data, scratch / "probe"):
        print(f"no overlay can have its changes in {data}: images and containers are kept in memory", flush=True)
        linux.mount("data", inside, "tmpfs", data=options)


def _overlay_works(data: Path, target: Path) -> bool:
    target.mkdir()
    places = [data / ".probe" / name for name in ("lower", "upper", "work")]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    try:
        linux.mount("overlay", target, "overlay", data="lowerdir={},upperdir={},workdir={}".format(*places))
    except OSError:
        return False
    try:
        (target / "file").write_text("")
        (target / "file").rename(target / "renamed")
    except OSError:
        return False
    finally:
        linux.unmount(target)
    return True


def _become_root(root: Path) -> None:
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    linux.join_own_mount_namespace()  # out of a chroot: only the real root of the namespace can be pivoted
    os.fchdir(descriptor)
    linux.pivot_root_here()
    os.close(descriptor)
