"""Removing a container on Podman."""

from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.removal import removed

_IN_PROGRESS = "container state improper"
"""It has ended between Podman's look at it and the signal, or somebody else is at it."""


async def remove(engine: EngineClient, container: str, seconds: float) -> None:
    """Remove a container at once; DELETE /libpod/containers/{id}.

    By the Docker-compatible API Podman 5 takes the whole stop time, even by force. A container in whose namespaces
    others are is a ConflictError that names them.
    """
    await removed(container, seconds, _IN_PROGRESS, lambda: engine.libpod.containers.remove(container))
