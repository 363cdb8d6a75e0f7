"""The endpoints of volumes; /volumes/..."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.target import named, segment

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Volumes:
    """Make, look at and remove named volumes."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, volume: schema.VolumeCreate) -> schema.Volume:
        """Create a volume, or return the one of that name; POST /volumes/create."""
        named(volume.name, "volume")
        return await self._client.request("POST", "/volumes/create", schema.Volume, json=volume)

    async def inspect(self, volume: str) -> schema.Volume:
        """Return what the engine knows of a volume; GET /volumes/{name}."""
        return await self._client.request("GET", f"/volumes/{segment(volume, 'volume')}", schema.Volume)

    async def list(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> Sequence[schema.Volume]:
        """List volumes; GET /volumes."""
        reply = await self._client.request("GET", "/volumes", schema.VolumeList, query={"filters": filters})
        return reply.volumes or ()

    async def remove(self, volume: str, *, force: bool = False) -> None:
        """Remove a volume that no container has; DELETE /volumes/{name}."""
        await self._client.call("DELETE", f"/volumes/{segment(volume, 'volume')}", query={"force": force})
