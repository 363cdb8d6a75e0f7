"""Networks as Docker has them; /networks/..."""

from collections.abc import Sequence
from typing import Final

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.errors import ConflictError, ForbiddenError, InvalidArgumentError, NotFoundError
from clab_runtime.host.netlink import IPInterface
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.docker_network_spec import network_request
from clab_runtime.runtime.existing_bridge import with_gateways
from clab_runtime.runtime.network_spec import BRIDGE_NAME

LISTING_TIME = 0.1
"""Seconds from the date of a network to its being listed, at the most."""

UNIQUE_NAMES_SINCE: Final = APIVersion(1, 44)
"""The API of Docker 25, the first that never makes two networks of one name."""

_BRIDGE_DRIVER = "bridge"
_DEFAULT_BRIDGE = "docker0"
_ID_IN_BRIDGE_NAME = 12


class DockerNetworks:
    """Make, find and remove networks of dockerd."""

    default = "bridge"
    makes_bridge_late = False

    def own_name(self, name: str) -> str:
        """Take the name as it is."""
        return name

    def check(self, mgmt: MgmtNet, info: EngineInfo | None) -> None:
        """Write the request, which refuses what is malformed."""
        network_request(mgmt, info.version if info else "")

    async def find(self, engine: EngineClient, name: str) -> schema.Network | None:
        """Return the network of that name; GET /networks/{id}."""
        try:
            network = await engine.networks.inspect(name)
        except NotFoundError:
            return None
        except InvalidArgumentError:  # Docker 20.10 may have several of one name, and then knows none by it
            found = await _all_of_name(engine, name)
            return await engine.networks.inspect(found[0].id) if found else None
        return network if network.name == name else None  # else it was found by the beginning of its id

    async def list(self, engine: EngineClient) -> Sequence[schema.Network]:
        """List all networks; GET /networks."""
        return await engine.networks.list()

    def on_existing_bridge(self, mgmt: MgmtNet, addresses: Sequence[IPInterface], info: EngineInfo) -> MgmtNet:
        """Let the bridge's addresses be the gateways."""
        del info
        return with_gateways(mgmt, addresses)

    async def create(self, engine: EngineClient, mgmt: MgmtNet, info: EngineInfo) -> str:
        """Create the management network, once; POST /networks/create."""
        created = await engine.networks.create(network_request(mgmt, info.version))
        if info.api_version < UNIQUE_NAMES_SINCE:
            await _withdraw_second(engine, mgmt.network, created.id)
        return created.id

    async def users(self, engine: EngineClient, network: schema.Network) -> Sequence[str]:
        """Name the containers that the network was told of with: those that run; dockerd drops it from the others."""
        del engine
        return sorted(user.name for user in (network.containers or {}).values())

    async def remove(self, engine: EngineClient, network_id: str) -> None:
        """Remove a network; DELETE /networks/{id}."""
        await engine.networks.remove(network_id)

    def bridge(self, network: schema.Network) -> str:
        """Name the bridge: as it was asked for, else as dockerd calls one by itself."""
        if network.driver != _BRIDGE_DRIVER:
            return ""
        named = (network.options or {}).get(BRIDGE_NAME, "")
        usual = _DEFAULT_BRIDGE if network.name == self.default else f"br-{network.id[:_ID_IN_BRIDGE_NAME]}"
        return named or usual


async def _all_of_name(engine: EngineClient, name: str) -> Sequence[schema.Network]:
    """List the networks of exactly that name, the one that counts first: every lab must choose the same."""
    networks = await engine.networks.list(filters={"name": [name]})
    return sorted(
        (network for network in networks if network.name == name), key=lambda network: (network.created, network.id)
    )


async def _withdraw_second(engine: EngineClient, name: str, created: str) -> None:
    """Remove the network just created if another lab has made one of that name at the same moment, and was first.

    Docker 20.10 promises no more than to look for a duplicate first, and dates a network before it lists it.
    """
    await anyio.sleep(LISTING_TIME)
    networks = await _all_of_name(engine, name)
    if networks and networks[0].id != created:
        try:
            await engine.networks.remove(created)
        except (NotFoundError, ForbiddenError, ConflictError):
            return
