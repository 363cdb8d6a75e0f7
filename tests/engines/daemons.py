"""The kinds of engine: command line, settings files, and which directory they share with the host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import user
from tests.engines.errors import EngineSetupError
from tests.engines.mounts import RUN_NETNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engines.specs import EngineSpec

PIDFILE = Path("/run/engine.pid")  # inside, gone with the namespace: a stale one keeps dockerd from starting

_ENVIRONMENT = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

_LONGEST_RUN_ROOT = 50  # of Podman 4: it begins on a longer one, but can't tidy up behind containers that end

_REGISTRIES = ("127.0.0.1", "localhost")  # on any port, as Docker has it by itself


def socket(spec: EngineSpec, directory: Path) -> Path:
    """Return where the engine listens: a rootless one where its user's other programs would look for it."""
    return user.runtime_directory(directory) / "podman.sock" if spec.rootless else directory / f"{spec.kind}.sock"


def check(spec: EngineSpec, directory: Path) -> None:
    """Refuse a directory that is too long for the engine."""
    run_root = user.runtime_directory(directory) / "containers" if spec.rootless else directory / "run"
    if spec.kind == "podman" and spec.series.startswith("4.") and len(os.fsencode(run_root)) > _LONGEST_RUN_ROOT:
        raise EngineSetupError(f"{run_root} is too long for Podman {spec.series}: give a shorter directory")


def netns_directory(spec: EngineSpec, directory: Path) -> Path | None:
    """Return where the engine keeps its containers' network namespaces; None: in mounts that only it can see."""
    if spec.rootless:
        return None
    return directory / "exec/netns" if spec.kind == "docker" else RUN_NETNS


def environment(spec: EngineSpec, directory: Path) -> dict[str, str]:
    """Return the variables that the engine is started with, and its client inside."""
    return {**_ENVIRONMENT, **(user.environment(directory) if spec.rootless else {})}


def command(spec: EngineSpec, directory: Path) -> list[str]:
    """Return the program and arguments that run the engine in the foreground."""
    address = f"unix://{socket(spec, directory)}"
    if spec.kind == "podman":
        return ["/usr/bin/podman", "--log-level", "info", "system", "service", "--time", "0", address]
    return [
        "/usr/sbin/dockerd",
        *("--host", address),
        *("--data-root", str(directory / "data")),
        *("--exec-root", str(directory / "exec")),
        *("--pidfile", str(PIDFILE)),
        *("--storage-driver", "overlay2"),
    ]


def settings(spec: EngineSpec, directory: Path) -> Mapping[str, str]:
    """Return the files below /etc that the engine, and its client when run inside, read their settings from."""
    if spec.kind == "docker":
        return {"docker/daemon.json": "{}\n"}
    return {
        **(user.FILES if spec.rootless else {}),
        "containers/containers.conf": _containers_conf(directory),
        "containers/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
        "containers/registries.conf": 'unqualified-search-registries = ["docker.io"]\n'
        + "".join(f'[[registry]]\nlocation = "{place}"\ninsecure = true\n' for place in _REGISTRIES),
        "containers/storage.conf": _storage_conf(spec, directory),
    }


def _storage_conf(spec: EngineSpec, directory: Path) -> str:
    """Return where images and containers are kept; of the system's settings a rootless engine reads another word."""
    if spec.rootless:
        return f'[storage]\ndriver = "overlay"\nrootless_storage_path = "{directory}/data"\n'
    return f"""
[storage]
driver = "overlay"
graphroot = "{directory}/data"
runroot = "{directory}/run"
"""


def _containers_conf(directory: Path) -> str:
    """Return settings for a machine without systemd, and locks in files, apart from other engines' shared memory."""
    return f"""
[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
image_default_transport = "docker://"
lock_type = "file"
runtime = "runc"
tmp_dir = "{directory}/tmp"
volume_path = "{directory}/data/volumes"
static_dir = "{directory}/data/libpod"
[network]
network_backend = "netavark"
network_config_dir = "{directory}/networks"
"""
