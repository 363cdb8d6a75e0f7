"""The management network of a lab on one engine: find, create, delete."""

import logging
from collections.abc import Sequence

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.errors import (
    ConflictError,
    ContainerRuntimeError,
    EngineError,
    ForbiddenError,
    InvalidArgumentError,
    NotFoundError,
    SubnetOverlapError,
)
from clab_runtime.host.side import HostSide
from clab_runtime.models import MgmtNet, labels
from clab_runtime.runtime.existing_bridge import with_gateways
from clab_runtime.runtime.network_reply import find_overlap, network_mtu
from clab_runtime.runtime.network_spec import network_request
from clab_runtime.runtime.shielding import complete_or_undo

logger = logging.getLogger("clab_runtime")

OWN_NETWORK = "clab"
"""The network that takes its MTU from the engine's default bridge."""

DEFAULT_BRIDGE_NETWORK = "bridge"
DEFAULT_MTU = 1500
RETRIES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait while an engine still counts a container just deleted, or does not list a network just made."""

LISTING_TIME = 0.1
"""Seconds from the date of a network to its being listed, at the most."""

UNIQUE_NAMES_SINCE = APIVersion(1, 44)
"""The API of Docker 25, the first that never makes two networks of one name."""


async def find_network(engine: EngineClient, name: str) -> schema.Network | None:
    """Return the network of that name, if there is one; GET /networks/{id}."""
    try:
        network = await engine.networks.inspect(name)
    except NotFoundError:
        return None
    except InvalidArgumentError:  # Docker 20.10 may have several of one name, and then knows none by it
        found = await _all_of_name(engine, name)
        return await engine.networks.inspect(found[0].id) if found else None
    return network if network.name == name else None  # else it was found by the beginning of its id


async def _all_of_name(engine: EngineClient, name: str) -> Sequence[schema.Network]:
    """List the networks of exactly that name, the one that counts first: every lab must choose the same."""
    networks = await engine.networks.list(filters={"name": [name]})
    return sorted(
        (network for network in networks if network.name == name), key=lambda network: (network.created, network.id)
    )


async def detect_mtu(engine: EngineClient, name: str) -> int:
    """Return the MTU for a network without one, in bytes."""
    default = await find_network(engine, DEFAULT_BRIDGE_NETWORK) if name == OWN_NETWORK else None
    return (network_mtu(default) if default else 0) or DEFAULT_MTU


async def create_or_find(engine: EngineClient, host: HostSide, mgmt: MgmtNet, info: EngineInfo) -> schema.Network:
    """Return the management network, which is created unless it is there; POST /networks/create."""
    network_request(mgmt, info.version)  # what is wrong with it is said before any request
    if network := await find_network(engine, mgmt.network):
        return network
    if mgmt.bridge:
        mgmt = with_gateways(mgmt, await host.addresses(mgmt.bridge))
    return await _create(engine, network_request(mgmt, info.version), info)


async def _create(engine: EngineClient, request: schema.NetworkCreate, info: EngineInfo) -> schema.Network:
    """Create the network, unless another lab is faster."""
    try:
        created = await complete_or_undo(
            lambda: engine.networks.create(request), lambda made: engine.networks.remove(made.id)
        )
    except (ConflictError, ForbiddenError) as exc:
        return await _faster_one(engine, request, exc)
    if info.api_version < UNIQUE_NAMES_SINCE:
        await _withdraw_second(engine, request.name, created.id)
    if network := await find_network(engine, request.name):
        return network
    raise ContainerRuntimeError(f"network {request.name!r} was created and is gone again; somebody else deletes it")


async def _faster_one(engine: EngineClient, request: schema.NetworkCreate, error: EngineError) -> schema.Network:
    """Return the network of another lab that was faster: it has the name, or for a moment just the subnet.

    Raises SubnetOverlapError if it is a network of another name that has the subnet, else the engine's own error.
    """
    for delay in RETRIES:
        if network := await find_network(engine, request.name):
            return network
        if overlap := await _overlap(engine, request):
            raise overlap from error
        await anyio.sleep(delay)
    raise error


async def _withdraw_second(engine: EngineClient, name: str, created: str) -> None:
    """Remove the network just created if another lab has made one of that name at the same moment, and was first.

    Docker 20.10 promises no more than to look for a duplicate first, and dates a network before it lists it.
    """
    await anyio.sleep(LISTING_TIME)
    networks = await _all_of_name(engine, name)
    if networks and networks[0].id != created:
        await _removed(engine, created)


async def _overlap(engine: EngineClient, request: schema.NetworkCreate) -> SubnetOverlapError | None:
    """Make the error that names both networks, if a subnet is taken."""
    subnets = [pool.subnet for pool in request.ipam.config or ()]
    return find_overlap(subnets, await engine.networks.list(), request.name)


async def delete(engine: EngineClient, name: str) -> bool:
    """Delete a lab's network, and tell whether nobody uses it any more; DELETE /networks/{id}.

    One that somebody uses stays, and so does one that is no lab's, such as the engine's own.
    """
    users: list[str] = []
    for delay in (*RETRIES, 0):
        network = await find_network(engine, name)
        if network is None:
            return True
        users = sorted(user.name for user in (network.containers or {}).values())
        if not users and (not _is_labs(network) or await _removed(engine, network.id)):
            return True
        await anyio.sleep(delay)
    logger.warning("network %s stays: it is in use by %s", name, ", ".join(users) or "containers being removed")
    return False


def _is_labs(network: schema.Network) -> bool:
    """Tell whether containerlab has made a network, or we have."""
    return labels.CONTAINERLAB in (network.labels or {})


async def _removed(engine: EngineClient, network_id: str) -> bool:
    """Remove a network; tell whether the engine let it go."""
    try:
        await engine.networks.remove(network_id)
    except NotFoundError:
        return True
    except (ForbiddenError, ConflictError):
        return False
    return True
