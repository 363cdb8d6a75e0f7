"""Podman's own endpoints of system; /libpod/system/..."""

from typing import TYPE_CHECKING

from clab_runtime.engine import schema

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class System:
    """Ask Podman about itself, and listen to what happens in it."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def info(self) -> schema.LibpodInfo:
        """Tell where Podman keeps things, and in what way it runs; GET /libpod/info."""
        return await self._client.request("GET", "/libpod/info", schema.LibpodInfo)
