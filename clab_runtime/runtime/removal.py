"""Removing a container that others may be removing, too."""

from collections.abc import Awaitable, Callable

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ConflictError, WaitTimeoutError

Delete = Callable[[], Awaitable[None]]
"""What removes a container at once, or raises ConflictError."""

_IN_PROGRESS = "is already in progress"


async def remove(engine: EngineClient, container: str, seconds: float) -> None:
    """Remove a container by force, with its volumes; DELETE /containers/{id}."""
    await removed(
        container, seconds, _IN_PROGRESS, lambda: engine.containers.remove(container, force=True, volumes=True)
    )


async def removed(container: str, seconds: float, in_progress: str, delete: Delete) -> None:
    """Remove a container, and return when it is gone.

    While a removal that somebody else has begun goes on, the engine refuses another, and says that it is `in_progress`:
    ask again, since to wait for the state `removed` would be to wait for ever whenever it is reached between the
    refusal and the waiting. Raises WaitTimeoutError when it still goes on after `seconds`, and NotFoundError when there
    is no such container.
    """
    with anyio.move_on_after(seconds):
        for delay in growing_delays():
            try:
                return await delete()
            except ConflictError as exc:
                if in_progress not in exc.message:
                    raise
            await anyio.sleep(delay)
    raise WaitTimeoutError(f"container {container!r} is still being removed after {seconds:g} s")
