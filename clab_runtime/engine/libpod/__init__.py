"""Podman's own API, libpod, as far as it says or does more than its Docker-compatible one."""

from typing import TYPE_CHECKING

from clab_runtime.engine.libpod.containers import Containers
from clab_runtime.engine.libpod.images import Images
from clab_runtime.engine.libpod.networks import Networks
from clab_runtime.engine.libpod.system import System

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient

__all__ = ["Libpod"]


class Libpod:
    """The groups of endpoints; on any other engine they raise UnsupportedOperationError."""

    def __init__(self, client: "EngineClient") -> None:
        self.containers = Containers(client)
        self.images = Images(client)
        self.networks = Networks(client)
        self.system = System(client)
