"""The two kinds of engine: command line, settings files, and which directory they share with the host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines.mounts import RUN_NETNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.engines.specs import Kind

PIDFILE = Path("/run/engine.pid")  # inside, gone with the namespace: a stale one keeps dockerd from starting
ENVIRONMENT = {"HOME": "/root", "LC_ALL": "C.UTF-8", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

_REGISTRIES = ("127.0.0.1", "localhost")  # on any port, as Docker has it by itself


def netns_directory(kind: Kind, directory: Path) -> Path:
    """Return where the engine keeps its containers' network namespaces."""
    return directory / "exec/netns" if kind == "docker" else RUN_NETNS


def command(kind: Kind, directory: Path) -> list[str]:
    """Return the program and arguments that run the engine in the foreground."""
    socket = f"unix://{directory / f'{kind}.sock'}"
    if kind == "podman":
        return ["/usr/bin/podman", "--log-level", "info", "system", "service", "--time", "0", socket]
    return [
        "/usr/sbin/dockerd",
        *("--host", socket),
        *("--data-root", str(directory / "data")),
        *("--exec-root", str(directory / "exec")),
        *("--pidfile", str(PIDFILE)),
        *("--storage-driver", "overlay2"),
    ]


def settings(kind: Kind, directory: Path) -> Mapping[str, str]:
    """Return the files below /etc that the engine, and its client when run inside, read their settings from."""
    if kind == "docker":
        return {"docker/daemon.json": "{}\n"}
    return {
        "containers/containers.conf": _containers_conf(directory),
        "containers/policy.json": '{"default": [{"type": "insecureAcceptAnything"}]}\n',
        "containers/registries.conf": 'unqualified-search-registries = ["docker.io"]\n'
        + "".join(f'[[registry]]\nlocation = "{place}"\ninsecure = true\n' for place in _REGISTRIES),
        "containers/storage.conf": f"""
[storage]
driver = "overlay"
graphroot = "{directory}/data"
runroot = "{directory}/run"
""",
    }


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
