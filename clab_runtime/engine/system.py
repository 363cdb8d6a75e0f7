"""The endpoints of the engine as a whole; /version, /info, /events."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from clab_runtime.engine import schema

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient
    from clab_runtime.engine.raw import RawStream


class System:
    """Ask the engine about itself, and listen to what happens in it."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def ping(self) -> None:
        """Raise unless the engine answers; GET /_ping."""
        await self._client.call("GET", "/_ping")

    async def version(self) -> schema.Version:
        """Return the engine's versions; GET /version."""
        return await self._client.request("GET", "/version", schema.Version)

    async def info(self) -> schema.Info:
        """Return facts of the engine and its host; GET /info."""
        return await self._client.request("GET", "/info", schema.Info)

    def events(
        self,
        *,
        filters: Mapping[str, Sequence[str]] | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> "RawStream":
        """Stream what happens from now, or since a time on the engine's clock (`seconds.nanoseconds`); GET /events."""
        return self._client.stream("GET", "/events", query={"filters": filters, "since": since, "until": until})
