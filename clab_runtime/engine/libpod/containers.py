"""Podman's own endpoints of containers; /libpod/containers/..."""

from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.target import named

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Containers:
    """Make, run and look at containers as Podman knows them; each takes a name, an id, or the beginning of one."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, container: schema.ContainerSpec) -> schema.Created:
        """Create a container without starting it; POST /libpod/containers/create."""
        named(container.name, "container name")
        return await self._client.request(
            "POST", "/libpod/containers/create", schema.Created, json=container, dedicated=True
        )
