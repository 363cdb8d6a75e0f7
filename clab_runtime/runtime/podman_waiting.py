"""Waiting for a container's end on Podman, which has a number also where it does not know."""

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import EngineProtocolError, NotFoundError
from clab_runtime.models import ContainerStatus
from clab_runtime.runtime.translate import status_from_state


async def wait(engine: EngineClient, container: str) -> int:
    """Wait and return the exit code; POST /libpod/containers/{id}/wait.

    The number is -1 where Podman has forgotten the code of a container that it still has, and 0 for one that has been
    made ready anew since it ran.
    """
    code = await engine.libpod.containers.wait(container)
    if code > 0:
        return code
    try:
        state = (await engine.containers.inspect(container)).state
    except NotFoundError:  # it has removed itself, as Podman knows its code
        status = ContainerStatus.NOT_FOUND
    else:
        status = status_from_state(state.status)
        if code < 0 and status is ContainerStatus.STOPPED:
            return state.exit_code
    if code < 0 or status is ContainerStatus.CREATED:
        raise EngineProtocolError(f"the engine can't tell how container {container!r} ended; it is now: {status}")
    return code
