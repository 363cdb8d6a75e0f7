"""The host side of a management network: set up after it was made or found, undone after it went."""

from clab_runtime.engine.client import EngineClient
from clab_runtime.host.side import HostSide
from clab_runtime.models import MgmtNet, labels

_LOCAL = "unix"


async def open_on_host(engine: EngineClient, host: HostSide, mgmt: MgmtNet) -> None:
    """Set the host up for a network with a bridge; does nothing for any other."""
    if not mgmt.bridge:
        return
    if engine.endpoint.scheme == _LOCAL:
        await host.open_bridge(mgmt.bridge, accept=mgmt.external_access is not False)
    else:
        host.warn("the host is left as it is", f"the engine at {engine.endpoint} may be on another one")


async def close_on_host(engine: EngineClient, host: HostSide, mgmt: MgmtNet) -> None:
    """Undo it. The reverse path filter is one for all labs: it is restored after the last one; GET /networks."""
    if not mgmt.bridge or engine.endpoint.scheme != _LOCAL:
        return
    await host.close_bridge(mgmt.bridge)
    if host.has_relaxed_filters and not await engine.networks.list(filters={"label": [labels.CONTAINERLAB]}):
        host.restore_filters()
