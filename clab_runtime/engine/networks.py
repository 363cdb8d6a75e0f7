"""The endpoints of networks; /networks/..."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.target import named, segment

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


def _path(network: str, rest: str = "") -> str:
    """Write the path of a network, or of something of it."""
    return f"/networks/{segment(network, 'network')}{rest}"


class Networks:
    """Make, look at and remove networks; each takes a name or an id."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, network: schema.NetworkCreate) -> schema.NetworkCreated:
        """Create a network; POST /networks/create."""
        named(network.name, "network")
        return await self._client.request(
            "POST", "/networks/create", schema.NetworkCreated, json=network, dedicated=True
        )

    async def inspect(self, network: str) -> schema.Network:
        """Return what the engine knows of a network, and who is in it; GET /networks/{id}."""
        return await self._client.request("GET", _path(network), schema.Network)

    async def list(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> Sequence[schema.Network]:
        """List networks; GET /networks."""
        return await self._client.request("GET", "/networks", list[schema.Network], query={"filters": filters})

    async def remove(self, network: str) -> None:
        """Remove a network that nobody is in; DELETE /networks/{id}."""
        await self._client.call("DELETE", _path(network))

    async def connect(self, network: str, connection: schema.NetworkConnect) -> None:
        """Put a container into a network; POST /networks/{id}/connect."""
        named(connection.container, "container")
        await self._client.call("POST", _path(network, "/connect"), json=connection)

    async def disconnect(self, network: str, disconnection: schema.NetworkDisconnect) -> None:
        """Take a container out of a network; POST /networks/{id}/disconnect."""
        named(disconnection.container, "container")
        await self._client.call("POST", _path(network, "/disconnect"), json=disconnection)
