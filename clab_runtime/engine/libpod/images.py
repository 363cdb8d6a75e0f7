"""Podman's own endpoints of images; /libpod/images/..."""

from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.target import segment

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Images:
    """Pull images, with all that Podman says."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def inspect(self, image: str) -> schema.LibpodImage:
        """Return what Podman knows of an image; GET /libpod/images/{name}/json."""
        return await self._client.request("GET", f"/libpod/images/{segment(image, 'image')}/json", schema.LibpodImage)
