"""Podman's own endpoints of containers; /libpod/containers/..."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Containers:
    """Make, run and look at containers as Podman knows them; each takes a name, an id, or the beginning of one."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client
