"""Podman's own endpoints of images; /libpod/images/..."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Images:
    """Pull images, with all that Podman says."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client
