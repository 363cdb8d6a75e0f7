"""The management network of a lab on one engine: find, create, delete."""

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ConflictError, ContainerRuntimeError, EngineError, ForbiddenError, NotFoundError
from clab_runtime.models import MgmtNet, labels
from clab_runtime.runtime.network_reply import find_overlap, network_mtu
from clab_runtime.runtime.network_spec import network_request

OWN_NETWORK = "clab"
"""The network that takes its MTU from the engine's default bridge."""

DEFAULT_BRIDGE_NETWORK = "bridge"
DEFAULT_MTU = 1500
RETRIES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait while an engine still counts a container just deleted."""


async def find_network(engine: EngineClient, name: str) -> schema.Network | None:
    """Return the network of that name, if there is one; GET /networks/{id}."""
    try:
        network = await engine.networks.inspect(name)
    except NotFoundError:
        return None
    return network if network.name == name else None  # else it was found by the beginning of its id


async def detect_mtu(engine: EngineClient, name: str) -> int:
    """Return the MTU for a network without one, in bytes."""
    default = await find_network(engine, DEFAULT_BRIDGE_NETWORK) if name == OWN_NETWORK else None
    return (network_mtu(default) if default else 0) or DEFAULT_MTU


async def create_or_find(engine: EngineClient, mgmt: MgmtNet, engine_version: str) -> schema.Network:
    """Return the management network, which is created unless it is there; POST /networks/create."""
    if network := await find_network(engine, mgmt.network):
        return network
    request = network_request(mgmt, engine_version)
    try:
        await engine.networks.create(request)
    except ConflictError:
        pass  # somebody else was faster
    except EngineError as exc:
        await _explain_overlap(engine, request, exc)
    if network := await find_network(engine, mgmt.network):
        return network
    raise ContainerRuntimeError(f"network {mgmt.network!r} was created and is gone again; somebody else deletes it")


async def _explain_overlap(engine: EngineClient, request: schema.NetworkCreate, error: EngineError) -> None:
    """Raise the error that names both networks if a subnet is taken, else the engine's own."""
    subnets = [pool.subnet for pool in request.ipam.config or ()]
    overlap = find_overlap(subnets, await engine.networks.list(), request.name)
    raise overlap or error from error


async def delete(engine: EngineClient, name: str) -> bool:
    """Delete a lab's network that nobody uses; tell whether it is gone now; DELETE /networks/{id}."""
    for delay in (*RETRIES, None):
        network = await find_network(engine, name)
        if network is None:
            return True
        if labels.CONTAINERLAB not in (network.labels or {}):
            return False
        if not network.containers and await _removed(engine, network.id):
            return True
        if delay is not None:
            await anyio.sleep(delay)
    return False


async def _removed(engine: EngineClient, network_id: str) -> bool:
    """Remove a network; tell whether the engine let it go."""
    try:
        await engine.networks.remove(network_id)
    except NotFoundError:
        return True
    except (ForbiddenError, ConflictError):
        return False
    return True
