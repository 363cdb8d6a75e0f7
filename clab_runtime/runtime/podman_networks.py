"""Networks as Podman has them (for now by its Docker-compatible API)."""

from collections.abc import Sequence

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import NotFoundError
from clab_runtime.models import MgmtNet
from clab_runtime.runtime.docker_network_spec import network_request


class PodmanNetworks:
    """Make, find and remove networks of netavark."""

    default = "podman"

    def check(self, mgmt: MgmtNet, info: EngineInfo | None) -> None:
        """Write the request, which refuses what is malformed."""
        del info
        network_request(mgmt, "")

    async def find(self, engine: EngineClient, name: str) -> schema.Network | None:
        """Return the network of that name."""
        try:
            network = await engine.networks.inspect(name)
        except NotFoundError:
            return None
        return network if network.name == name else None

    async def list(self, engine: EngineClient) -> Sequence[schema.Network]:
        """List all networks."""
        return await engine.networks.list()

    async def create(self, engine: EngineClient, mgmt: MgmtNet, info: EngineInfo) -> str:
        """Create the management network."""
        del info
        return (await engine.networks.create(network_request(mgmt, ""))).id

    async def users(self, engine: EngineClient, network: schema.Network) -> Sequence[str]:
        """Name the containers that keep a network from being removed."""
        del engine
        return sorted(user.name for user in (network.containers or {}).values())

    async def remove(self, engine: EngineClient, network_id: str) -> None:
        """Remove a network."""
        await engine.networks.remove(network_id)

    def bridge(self, network: schema.Network) -> str:
        """Name the Linux bridge."""
        return (network.options or {}).get("com.docker.network.bridge.name", "")
