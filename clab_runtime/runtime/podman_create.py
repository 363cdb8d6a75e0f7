"""Creating a container on Podman, with what Docker takes from the image and from the host by itself."""

from collections.abc import Sequence

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ConflictError, EngineError, NotFoundError
from clab_runtime.models import Bind
from clab_runtime.runtime.podman_health import completed
from clab_runtime.runtime.podman_security import with_dockers

_NOWHERE = "no/network"
"""What no network can be called."""
_VOLUME_EXISTS = "volume already exists"


async def create(engine: EngineClient, spec: schema.ContainerSpec, binds: Sequence[Bind]) -> str:
    """Create a container, and before it the directories of the host that its binds lack."""
    spec = await _with_image(engine, spec)
    try:
        return await _created(engine, spec)
    except EngineError as error:
        if not any(f"statfs {bind.src}: no such file" in error.message for bind in binds):
            raise
    await _make_sources(engine, spec, binds)
    return await _created(engine, spec)


async def _created(engine: EngineClient, spec: schema.ContainerSpec) -> str:
    """Create it; a volume that another container's creation has made meanwhile is there at the next try."""
    for _ in spec.volumes:
        try:
            return (await engine.libpod.containers.create(spec)).id
        except ConflictError as error:
            if _VOLUME_EXISTS not in error.message:
                raise
    return (await engine.libpod.containers.create(spec)).id


async def _with_image(engine: EngineClient, spec: schema.ContainerSpec) -> schema.ContainerSpec:
    """Complete what depends on the image: who its user is, and its health check; GET /libpod/images/{name}/json."""
    image = await engine.libpod.images.inspect(spec.image)
    return msgspec.structs.replace(
        spec,
        cap_add=spec.cap_add if spec.privileged else with_dockers(spec.cap_add, spec.user or image.user),
        healthconfig=spec.healthconfig and completed(spec.healthconfig, image.healthcheck),
    )


async def _make_sources(engine: EngineClient, spec: schema.ContainerSpec, binds: Sequence[Bind]) -> None:
    """Have Podman make directories on its host; POST /containers/create.

    Only the Docker-compatible API does it, before it looks for the network; there being none, nothing else is made.
    """
    host = schema.HostConfig(binds=[str(bind) for bind in binds], network_mode=_NOWHERE)
    try:
        await engine.containers.create(spec.name, schema.ContainerCreate(image=spec.image, host_config=host))
    except NotFoundError:
        return
