"""One cgroup per engine: what it starts can be found and killed there, and no cgroup it makes lies elsewhere.

Every hierarchy of the machine gets a directory of the engine's name. The engine lives in a cgroup namespace rooted
there, in the leaf ``engine``, and sees its own mounts of the hierarchies, so whatever parent a container asks for is
made below the engine's directory. Nothing depends on what is mounted on the host's /sys/fs/cgroup.

Where there is only cgroup v2, controllers are handed down from the root (and stay so, as after any engine with the
cgroupfs driver) and from the engine's directory, which has no processes of its own for that. The kernel refuses it
(EBUSY) in a cgroup that is not the real root and has processes in it, as in a container whose cgroup namespace starts
at the cgroup of its shell: the engine then runs without those controllers, and Podman, which always sets a limit of
processes, starts no container. Tried with a hybrid machine's v2 hierarchy taken for the only one, where the one free
controller (hugetlb) was handed down and Docker ran; not tried on a host that has v2 alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.engines import linux
from tests.engines.errors import EngineSetupError

_LEAF = "engine"
_ENGINE = re.compile(r"/(clab-[0-9a-f]{12})(?=/|$)", re.MULTILINE)
_V1_CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")  # empty in a new cpuset, and then no process can enter it


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One cgroup file system: the directory name it is known by, its type and mount options."""

    name: str
    fstype: str
    options: str


def hierarchies() -> list[Hierarchy]:
    """Return the machine's hierarchies, as the kernel lists them for this process."""
    names = [line.split(":")[1] for line in Path("/proc/self/cgroup").read_text().splitlines()]
    return [_hierarchy(name) for name in names] or [_hierarchy("")]


def _hierarchy(controllers: str) -> Hierarchy:
    if not controllers:
        return Hierarchy("unified", "cgroup2", "")
    label = controllers.removeprefix("name=")
    return Hierarchy(label, "cgroup", f"none,{controllers}" if label != controllers else controllers)


def _only_v2(present: list[Hierarchy]) -> bool:
    return [item.fstype for item in present] == ["cgroup2"]


def mount_for_engine(target: Path) -> None:
    """Mount the hierarchies on TARGET (a /sys/fs/cgroup) in the layout that engines know."""
    present = hierarchies()
    if _only_v2(present):
        linux.mount("cgroup2", target, "cgroup2")
        return
    linux.mount("cgroup", target, "tmpfs", data="mode=755")
    _mount_each(target, present)
    for controllers in (item.name for item in present if "," in item.name):
        for controller in controllers.split(","):
            (target / controller).symlink_to(controllers)


def _mount_each(target: Path, present: list[Hierarchy]) -> None:
    for item in present:
        (target / item.name).mkdir()
        linux.mount(item.fstype, target / item.name, item.fstype, data=item.options)


def enter(name: str, scratch: Path) -> None:
    """Move this process into the cgroup NAME/engine of every hierarchy, in a cgroup namespace rooted at NAME.

    SCRATCH is an empty directory on a tmpfs, in a private mount namespace.
    """
    present = hierarchies()
    _mount_each(scratch, present)
    for item in present:
        if _only_v2(present):
            _hand_down_controllers(scratch / item.name)
        _move_into(scratch / item.name / name)
    linux.unshare(linux.CLONE_NEWCGROUP)
    for item in present:
        _move_into(scratch / item.name / name / _LEAF)
        if _only_v2(present):
            _hand_down_controllers(scratch / item.name / name)
        linux.unmount(scratch / item.name)


def _move_into(directory: Path) -> None:
    directory.mkdir(exist_ok=True)
    for file in _V1_CPUSET_FILES:
        if (directory / file).exists() and not (directory / "cgroup.controllers").exists():
            (directory / file).write_text((directory.parent / file).read_text())
    (directory / "cgroup.procs").write_text("0")


def _hand_down_controllers(directory: Path) -> None:
    for controller in (directory / "cgroup.controllers").read_text().split():
        with contextlib.suppress(OSError):  # see the head of this module
            (directory / "cgroup.subtree_control").write_text(f"+{controller}")


def name_for(directory: Path) -> str:
    """Return the name of the cgroup of the engine in DIRECTORY, which needs no other knowledge to be found again."""
    return f"clab-{hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]}"


def all_processes() -> dict[int, set[str]]:
    """Return the processes in engines' cgroups, zombies not counted, each with the names of those cgroups."""
    everything = {int(path.name): set(_ENGINE.findall(_cgroups_of(path))) for path in Path("/proc").glob("[0-9]*")}
    return {pid: names for pid, names in everything.items() if names}


def processes(name: str) -> list[int]:
    """Return the processes anywhere in the cgroup NAME."""
    return [pid for pid, names in all_processes().items() if name in names]


def _cgroups_of(process: Path) -> str:
    try:
        is_zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return "" if is_zombie else (process / "cgroup").read_text()
    except OSError:  # it has just ended
        return ""


def kill(name: str, spare: int | None = None, timeout: float = 10) -> None:
    """Kill every process in the cgroup NAME, but SPARE, and wait until none is left."""
    deadline = time.monotonic() + timeout
    while (found := [pid for pid in processes(name) if pid != spare]) and time.monotonic() < deadline:
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    if found:
        raise EngineSetupError(f"processes {found} do not die")


def remove(name: str) -> None:
    """Remove the directories of the cgroup NAME from every hierarchy (in a process of its own, for its mounts)."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    program = f"from {__name__} import remove_here; remove_here({name!r})"
    result = subprocess.run([sys.executable, "-c", program], env=environment, stdin=subprocess.DEVNULL, check=False)
    if result.returncode != 0:
        raise EngineSetupError(f"the cgroup directories {name} could not be removed, see above")


def remove_here(name: str) -> None:
    """Remove them in this process, which loses sight of the host's mounts by it."""
    with tempfile.TemporaryDirectory(prefix="clab-") as temporary:
        scratch = Path(temporary)
        linux.private_mount_namespace()
        linux.mount("scratch", scratch, "tmpfs")
        try:
            present = hierarchies()
            _mount_each(scratch, present)
            for item in present:
                _remove_tree(scratch / item.name / name)
                linux.unmount(scratch / item.name)
        finally:
            linux.unmount(scratch)


def _remove_tree(directory: Path) -> None:
    for path, _, _ in os.walk(directory, topdown=False):
        _remove_directory(Path(path))


def _remove_directory(directory: Path, timeout: float = 5) -> None:
    deadline = time.monotonic() + timeout
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # busy until the kernel has done with the processes that were killed
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
