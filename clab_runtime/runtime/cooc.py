"""What a container that drives the engine from inside (container outside of container) needs mounted."""

from collections.abc import Sequence

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import EngineError
from clab_runtime.host import netns
from clab_runtime.models import Bind

DEFAULT_ROOT = "/var/lib/docker"
"""Where Docker keeps its data unless it was told otherwise."""


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
