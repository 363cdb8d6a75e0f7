"""The host side of a management network: set up after it was made or found, undone after it went.

Podman makes a network's bridge when its first container starts, and removes it with the last: there the host is set up
when a container has started, once for each bridge that comes.
"""

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ContainerRuntimeError
from clab_runtime.host.side import HostSide
from clab_runtime.models import MgmtNet, NodeConfig, labels
from clab_runtime.runtime.dialect import Networks

_LOCAL = "unix"
_WITHOUT_BRIDGE = ("none", "host", "container:")
"""How network modes begin in which a container is on no bridge."""


class MgmtHost:
    """The host's part in one runtime's management network; nothing is done for a network without a bridge."""

    def __init__(self, networks: Networks, host: HostSide) -> None:
        """Ask the engine of networks in its way, and do on the host what its rights allow."""
        self._networks = networks
        self._host = host

    async def open(self, engine: EngineClient, mgmt: MgmtNet) -> None:
        """Set the host up for a network that was made or found, if its bridge is to be there by now."""
        if not mgmt.bridge:
            return
        if engine.endpoint.scheme != _LOCAL:
            self._host.warn("the host is left as it is", f"the engine at {engine.endpoint} may be on another one")
        elif self._host.sees(mgmt.bridge) or not self._networks.makes_bridge_late:
            await self._host.open_bridge(mgmt.bridge, accept=mgmt.external_access is not False)

    async def open_after_start(self, engine: EngineClient, mgmt: MgmtNet, node: NodeConfig, container: str) -> None:
        """Set the host up for a bridge that has come with a container; GET /containers/{id}/json where none is seen."""
        if not self._networks.makes_bridge_late or engine.endpoint.scheme != _LOCAL:
            return
        if not mgmt.bridge or node.network_mode.startswith(_WITHOUT_BRIDGE) or self._host.has_opened(mgmt.bridge):
            return
        if self._host.sees(mgmt.bridge) or await _is_running(engine, container):
            await self._host.open_new_bridge(mgmt.bridge, accept=mgmt.external_access is not False)

    async def close(self, engine: EngineClient, mgmt: MgmtNet) -> None:
        """Undo it. The reverse path filter is one for all labs: it is restored after the last one."""
        if not mgmt.bridge or engine.endpoint.scheme != _LOCAL:
            return
        await self._host.close_bridge(mgmt.bridge)
        if self._host.has_relaxed_filters and not await self._has_labs(engine):
            self._host.restore_filters()

    async def _has_labs(self, engine: EngineClient) -> bool:
        """Tell whether any network is a lab's."""
        networks = await self._networks.list(engine)
        return any(labels.CONTAINERLAB in (network.labels or {}) for network in networks)


async def _is_running(engine: EngineClient, container: str) -> bool:
    """Tell whether a container runs: if it has ended, its bridge may have gone with it."""
    try:
        return bool((await engine.containers.inspect(container)).state.pid)
    except (ContainerRuntimeError, TimeoutError):  # it has started, and that is what counts
        return False
