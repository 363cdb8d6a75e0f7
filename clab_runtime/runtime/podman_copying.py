"""Where a file can be copied to in a container, which Podman does not say by itself.

It makes directories that are missing, and writes below a file system in memory while the container does not run.
"""

import posixpath

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import InvalidValueError, NotFoundError, error_from_status
from clab_runtime.runtime.copying import IS_DIRECTORY, NO_DIRECTORY, refuse_hidden, refuse_in

_OF_THE_KERNEL = frozenset({"/proc", "/sys"})
_NOT_FOUND = 404


async def check_destination(engine: EngineClient, inspect: schema.ContainerInspect, destination: str) -> None:
    """Refuse a path as Docker does; HEAD /containers/{id}/archive."""
    if inspect.state.running:
        await refuse_in(engine, inspect, destination, _OF_THE_KERNEL)
    else:
        await refuse_hidden(engine, inspect, destination)
    directory = posixpath.dirname(destination)
    parent = await _stat(engine, inspect.id, posixpath.join(directory, "."))
    if parent is None:
        message = f"could not find the directory {directory} in container {inspect.id}"
        raise error_from_status(_NOT_FOUND, message, "HEAD", f"/containers/{inspect.id}/archive")
    if not parent.is_dir:
        raise InvalidValueError("destination", destination, NO_DIRECTORY)
    if (found := await _stat(engine, inspect.id, destination)) is not None and found.is_dir:
        raise InvalidValueError("destination", destination, IS_DIRECTORY)


async def _stat(engine: EngineClient, container: str, path: str) -> schema.PathStat | None:
    """Tell what stands at a path; None: nothing."""
    try:
        return await engine.containers.stat(container, path)
    except NotFoundError:
        return None
