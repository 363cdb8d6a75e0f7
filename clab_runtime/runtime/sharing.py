"""Which container a node means by `container:<name>`: whose network it joins, or whose processes it sees."""

from contextlib import suppress
from typing import Final

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import NotFoundError
from clab_runtime.models import NodeConfig, labels
from clab_runtime.runtime.settings import shared_container

_NOT_FOUND: Final = 404
_SHORTEST_ID: Final = 12
"""Characters that an id is known by; with fewer, the name of a node that is missing would be anybody's id."""


async def find_shared(engine: EngineClient, node: NodeConfig) -> NodeConfig:
    """Return a node that names the containers it shares namespaces with by their ids.

    Raises NotFoundError for one that is neither a node of the same lab nor another container.
    """
    if not (shared_container(node.network_mode) or shared_container(node.pid_mode)):
        return node
    network = await _mode(engine, node, "networkmode", node.network_mode)
    pid = await _mode(engine, node, "pidmode", node.pid_mode)
    return msgspec.structs.replace(node, network_mode=network, pid_mode=pid)


async def _mode(engine: EngineClient, node: NodeConfig, word: str, mode: str) -> str:
    """Put the container's id into `container:<name>`; any other mode stays as it is."""
    name = shared_container(mode)
    if not name:
        return mode
    lab = node.labels.get(labels.CONTAINERLAB, "")
    found = (await _in_lab(engine, lab, name) if lab else "") or await _by_name(engine, name)
    if found:
        return f"container:{found}"
    missing = f"no node {name!r} in the lab {lab!r}, and no" if lab else "no"
    raise NotFoundError(
        _NOT_FOUND, f"{word} {mode!r}: there is {missing} container {name!r}", "GET", f"/containers/{name}/json"
    )


async def _in_lab(engine: EngineClient, lab: str, name: str) -> str:
    """Find a node of a lab by its labels, or by its name; GET /containers/json, GET /containers/{id}/json."""
    ours = [f"{labels.CONTAINERLAB}={lab}", f"{labels.NODE_NAME}={name}"]
    for container in await engine.containers.list(filters={"label": ours}):
        return container.id
    return await _by_name(engine, labels.container_name(lab, name))


async def _by_name(engine: EngineClient, name: str) -> str:
    """Find a container by its name or its id; GET /containers/{id}/json."""
    with suppress(NotFoundError):
        container = await engine.containers.inspect(name)
        if _is_meant(container, name):
            return container.id
    return ""


def _is_meant(container: schema.ContainerInspect, name: str) -> bool:
    """Tell whether a container has that name, or an id that is well known by it."""
    by_id = len(name) >= _SHORTEST_ID and container.id.startswith(name)
    return by_id or container.name.removeprefix("/") == name
