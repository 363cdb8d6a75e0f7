"""Networks as Podman has them; /libpod/networks/..."""

from collections.abc import Sequence
from typing import Final

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.host.netlink import IPInterface
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.existing_bridge import with_gateways
from clab_runtime.runtime.network_spec import BRIDGE_NAME
from clab_runtime.runtime.podman_driver_options import MODE, UNMANAGED
from clab_runtime.runtime.podman_network_reply import network_from_reply
from clab_runtime.runtime.podman_network_spec import check_network, network_request

UNMANAGED_SINCE: Final = APIVersion(5, 5)
"""The first Podman that makes a network of a subnet that an unmanaged bridge has already."""

_BRIDGE_DRIVER = "bridge"
_DOCKERS_DEFAULT = "bridge"


class PodmanNetworks:
    """Make, find and remove networks of netavark."""

    default = "podman"
    makes_bridge_late = True

    def own_name(self, name: str) -> str:
        """Call the default network as Podman does, also where it is asked for in Docker's word."""
        return self.default if name == _DOCKERS_DEFAULT else name

    def check(self, mgmt: MgmtNet, info: EngineInfo | None) -> None:
        """Write the request, which refuses what is malformed, and refuse what this version can't do."""
        network_request(mgmt)
        if info:
            check_network(mgmt, info)

    async def find(self, engine: EngineClient, name: str) -> schema.Network | None:
        """Return the network of that name; GET /libpod/networks/json."""
        found = await engine.libpod.networks.list(filters={"name": [name]})  # a pattern, that others may match, too
        return next((network_from_reply(network) for network in found if network.name == name), None)

    async def list(self, engine: EngineClient) -> Sequence[schema.Network]:
        """List all networks; GET /libpod/networks/json."""
        return [network_from_reply(network) for network in await engine.libpod.networks.list()]

    def on_existing_bridge(self, mgmt: MgmtNet, addresses: Sequence[IPInterface], info: EngineInfo) -> MgmtNet:
        """Let the bridge's addresses be the gateways, and have netavark leave the bridge to whoever made it.

        Without an address the bridge becomes netavark's: it goes with the last container.
        """
        taken = with_gateways(mgmt, addresses)
        if taken == mgmt:
            return mgmt
        if info.libpod_version is None or info.libpod_version < UNMANAGED_SINCE:
            feature = f"a network on a bridge that has its addresses already; Podman {UNMANAGED_SINCE} does"
            raise UnsupportedOperationError(info.engine, info.version, feature)
        return msgspec.structs.replace(taken, driver_opts={MODE: UNMANAGED, **taken.driver_opts})

    async def create(self, engine: EngineClient, mgmt: MgmtNet, info: EngineInfo) -> str:
        """Create the management network; POST /libpod/networks/create."""
        del info
        return (await engine.libpod.networks.create(network_request(mgmt))).id

    async def users(self, engine: EngineClient, network: schema.Network) -> Sequence[str]:
        """Name the containers of the network, also those that don't run; GET /containers/json."""
        found = await engine.containers.list(filters={"network": [network.name]})
        return sorted(name.removeprefix("/") for container in found for name in container.names or ())

    async def remove(self, engine: EngineClient, network_id: str) -> None:
        """Remove a network; DELETE /libpod/networks/{id}."""
        await engine.libpod.networks.remove(network_id)

    def bridge(self, network: schema.Network) -> str:
        """Name the bridge, which Podman tells of every network."""
        return (network.options or {}).get(BRIDGE_NAME, "") if network.driver == _BRIDGE_DRIVER else ""
