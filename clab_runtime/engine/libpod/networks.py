"""Podman's own endpoints of networks; /libpod/networks/..."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Networks:
    """Make, look at and remove networks; each takes a name or an id."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client
