"""Podman's own endpoints of networks; /libpod/networks/..."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.target import named, segment
from clab_runtime.errors import error_from_status

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient

_FAILED = 500
"""The status of an error that Podman reports under none."""


class Networks:
    """Make, list and remove networks as Podman knows them."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, network: schema.LibpodNetworkCreate) -> schema.LibpodNetwork:
        """Create a network and tell it with what Podman chose; POST /libpod/networks/create."""
        named(network.name, "network")
        return await self._client.request(
            "POST", "/libpod/networks/create", schema.LibpodNetwork, json=network, dedicated=True
        )

    async def list(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> Sequence[schema.LibpodNetwork]:
        """List networks; GET /libpod/networks/json."""
        query = {"filters": filters or None}
        return await self._client.request("GET", "/libpod/networks/json", list[schema.LibpodNetwork], query=query)

    async def remove(self, network: str) -> None:
        """Remove a network that no container has; DELETE /libpod/networks/{id}."""
        path = f"/libpod/networks/{segment(network, 'network')}"
        for removal in await self._client.request("DELETE", path, list[schema.LibpodNetworkRemoval]):
            if removal.err:
                raise error_from_status(_FAILED, removal.err, "DELETE", path, cause=removal.err)
