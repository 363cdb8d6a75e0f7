"""The management network of a lab on one engine: find, create, delete."""

import logging
from collections.abc import Sequence

import anyio
import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import (
    ConflictError,
    ContainerRuntimeError,
    EngineError,
    ForbiddenError,
    NotFoundError,
)
from clab_runtime.host.side import HostSide
from clab_runtime.models import MgmtNet, labels
from clab_runtime.runtime.addresses import AUTO
from clab_runtime.runtime.dialect import Networks
from clab_runtime.runtime.network_reply import find_overlap, network_mtu
from clab_runtime.runtime.network_spec import random_ula
from clab_runtime.runtime.shielding import complete_or_undo

logger = logging.getLogger("clab_runtime")

OWN_NETWORK = "clab"
"""The network that takes its MTU from the engine's default bridge."""

DEFAULT_MTU = 1500
RETRIES = (0.05, 0.1, 0.2, 0.4, 0.8)
"""Seconds to wait while an engine still counts a container just deleted, or does not list a network just made."""


async def detect_mtu(engine: EngineClient, networks: Networks, name: str) -> int:
    """Return the MTU for a network without one, in bytes."""
    default = await networks.find(engine, networks.default) if name == OWN_NETWORK else None
    return (network_mtu(default) if default else 0) or DEFAULT_MTU


async def complete(engine: EngineClient, networks: Networks, mgmt: MgmtNet) -> MgmtNet:
    """Return the network with what its configuration leaves open: an MTU, and the bridge if it is there already."""
    if not mgmt.mtu:
        mgmt = msgspec.structs.replace(mgmt, mtu=await detect_mtu(engine, networks, mgmt.network))
    if not mgmt.bridge and (network := await networks.find(engine, mgmt.network)):
        mgmt = msgspec.structs.replace(mgmt, bridge=networks.bridge(network))
    return mgmt


async def create_or_find(
    engine: EngineClient, networks: Networks, host: HostSide, mgmt: MgmtNet, info: EngineInfo
) -> schema.Network:
    """Return the management network, which is created unless it is there."""
    networks.check(mgmt, info)  # what is wrong with it is said before any request
    if network := await networks.find(engine, mgmt.network):
        return network
    if mgmt.bridge:
        mgmt = networks.on_existing_bridge(mgmt, await host.addresses(mgmt.bridge), info)
    if mgmt.ipv6_subnet == AUTO:
        mgmt = msgspec.structs.replace(mgmt, ipv6_subnet=str(random_ula()))
    return await _create(engine, networks, mgmt, info)


async def _create(engine: EngineClient, networks: Networks, mgmt: MgmtNet, info: EngineInfo) -> schema.Network:
    """Create the network, unless another lab is faster."""
    try:
        await complete_or_undo(
            lambda: networks.create(engine, mgmt, info), lambda made: _removed(engine, networks, made)
        )
    except (ConflictError, ForbiddenError) as exc:
        return await _faster_one(engine, networks, mgmt, exc)
    if network := await networks.find(engine, mgmt.network):
        return network
    raise ContainerRuntimeError(f"network {mgmt.network!r} was created and is gone again; somebody else deletes it")


async def _faster_one(engine: EngineClient, networks: Networks, mgmt: MgmtNet, error: EngineError) -> schema.Network:
    """Return the network of another lab that was faster: it has the name, or for a moment just the subnet.

    Raises SubnetOverlapError if it is a network of another name that has the subnet, else the engine's own error.
    """
    subnets = [mgmt.ipv4_subnet, mgmt.ipv6_subnet]
    for delay in RETRIES:
        if network := await networks.find(engine, mgmt.network):
            return network
        if overlap := find_overlap(subnets, await networks.list(engine), mgmt.network):
            raise overlap from error
        await anyio.sleep(delay)
    raise error


async def delete(engine: EngineClient, networks: Networks, name: str) -> bool:
    """Delete a lab's network, and tell whether nobody uses it any more.

    One that somebody uses stays, and so does one that is no lab's, such as the engine's own.
    """
    users: Sequence[str] = ()
    for delay in (*RETRIES, 0):
        network = await networks.find(engine, name)
        if network is None:
            return True
        users = await networks.users(engine, network)
        if not _is_labs(network):
            return not users
        if not users and await _removed(engine, networks, network.id):
            return True
        await anyio.sleep(delay)
    logger.warning("network %s stays: it is in use by %s", name, ", ".join(users) or "containers being removed")
    return False


def _is_labs(network: schema.Network) -> bool:
    """Tell whether containerlab has made a network, or we have."""
    return labels.CONTAINERLAB in (network.labels or {})


async def _removed(engine: EngineClient, networks: Networks, network_id: str) -> bool:
    """Remove a network; tell whether the engine let it go."""
    try:
        await networks.remove(engine, network_id)
    except NotFoundError:
        return True
    except (ForbiddenError, ConflictError):
        return False
    return True
