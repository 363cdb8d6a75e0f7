"""Taking an engine away without a trace, in whatever state it is: running, killed, half started, or half removed."""

from __future__ import annotations

import contextlib
import re
from http.client import HTTPException
from pathlib import Path

from tests.engines import cgroups, http, mounts, state
from tests.engines.errors import EngineSetupError

_CONSOLES = Path("/tmp")
"""Where conmon makes sockets for containers' terminals; one that is killed leaves its own behind."""
_NETNS = re.compile(rf"{mounts.RUN_NETNS}/netns-[0-9a-f-]+")


def remove_containers(engine: state.Engine) -> None:
    """Remove all containers with their anonymous volumes, as far as the engine does it; what is left is killed."""
    podman = engine.kind == "podman"
    prefix = "/v4.0.0/libpod" if podman else ""
    options = "force=true&v=true&timeout=0" if podman else "force=1&v=1"
    with contextlib.suppress(OSError, HTTPException, EngineSetupError):
        for container in http.call_json(engine.socket, "GET", f"{prefix}/containers/json?all=true", timeout=10):
            with contextlib.suppress(EngineSetupError):
                http.call(engine.socket, "DELETE", f"{prefix}/containers/{container['Id']}?{options}", timeout=10)


def remove_everything(directory: Path) -> None:
    """Kill what runs in the engine's cgroup, then remove mounts, cgroups and files; the empty directory stays."""
    if not state.is_engines(directory):
        raise EngineSetupError(f"{directory} is not empty, and what is in it is no engine's")
    cgroup = cgroups.name_for(directory)
    netns = netns_files(directory, cgroup)
    cgroups.kill(cgroup, spare=state.keeper_of(directory))  # it reaps the others
    cgroups.kill(cgroup)
    mounts.release_run_netns(netns)
    mounts.unmount_below(directory)
    cgroups.remove(cgroup)
    state.empty_directory(directory)
    if not cgroups.all_processes():  # whose a socket is shows only when no other engine is left
        _remove_consoles()


def _remove_consoles() -> None:
    """Remove the sockets of terminals that nobody listens at any more."""
    in_use = Path("/proc/net/unix").read_text()
    for path in _CONSOLES.glob("conmon-term.*"):
        if path.is_socket() and str(path) not in in_use:
            path.unlink(missing_ok=True)


def netns_files(directory: Path, cgroup: str) -> set[Path]:
    """Return the files in /run/netns of this Podman's containers: of those that run, and of those it has on record."""
    running = {_inode(Path(f"/proc/{pid}/ns/net")) for pid in cgroups.processes(cgroup)} - {None}
    present = set(mounts.RUN_NETNS.glob("netns-*"))
    recorded = {
        Path(found)
        for file in directory.glob("data/overlay-containers/*/userdata/config.json")
        for found in _NETNS.findall(file.read_text())
    }
    return {file for file in present if file in recorded or _inode(file) in running}


def _inode(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except OSError:  # it has just ended
        return None
