"""What a container that drives the engine from inside (container outside of container) needs mounted."""

from collections.abc import Sequence
from pathlib import Path

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import EngineError
from clab_runtime.host import netns
from clab_runtime.models import Bind

DEFAULT_ROOT = "/var/lib/docker"
"""Where Docker keeps its data unless it was told otherwise."""
PODMAN_RUN_ROOT = "/run/containers/storage"
"""Where root's Podman keeps what lasts until the next start of the machine, unless it was told otherwise."""
_PODMAN_DRIVER = "overlay"
_CONTAINERS = "containers"


async def data_root(engine: EngineClient) -> str:
    """Ask where the engine keeps its data; GET /info. A proxy that refuses this leaves the usual place."""
    try:
        return (await engine.system.info()).docker_root_dir or DEFAULT_ROOT
    except EngineError:
        return DEFAULT_ROOT


def docker_mounts(root: str) -> Sequence[Bind]:
    """Mount Docker's containers (their hosts files are there) and the links to namespaces where they are outside."""
    places = (f"{root.rstrip('/')}/containers", str(netns.DIRECTORY))
    return [Bind(place, place) for place in places]


async def podman_store(engine: EngineClient) -> schema.LibpodInfo:
    """Ask where Podman keeps its containers; GET /libpod/info. A proxy that refuses this leaves the usual places."""
    try:
        return await engine.libpod.system.info()
    except EngineError:
        return schema.LibpodInfo()


def podman_mounts(info: schema.LibpodInfo) -> Sequence[Bind]:
    """Mount Podman's containers (their hosts files are there), and the directory of the namespaces themselves.

    Root's Podman has its namespaces in /run/netns, beside the links; a user's has them beside its containers.
    """
    root = Path(info.store.run_root or PODMAN_RUN_ROOT)
    containers = root / f"{info.store.graph_driver_name or _PODMAN_DRIVER}-{_CONTAINERS}"
    namespaces = root.parent / netns.DIRECTORY.name if info.host.security.rootless else netns.DIRECTORY
    return [Bind(str(place), str(place)) for place in (containers, namespaces)]
