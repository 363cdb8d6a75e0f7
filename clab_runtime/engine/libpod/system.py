"""Podman's own endpoints of system; /libpod/system/..."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class System:
    """Ask Podman about itself, and listen to what happens in it."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client
