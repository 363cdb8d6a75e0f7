"""The management network as Docker is asked to create it."""

import re

from clab_runtime.engine import schema
from clab_runtime.models import MgmtNet, labels
from clab_runtime.runtime.attachment import check_network_name
from clab_runtime.runtime.network_spec import (
    BRIDGE_NAME,
    GATEWAY_MODES,
    MTU,
    OPEN_GATEWAY,
    bridge_name,
    driver_options,
    mtu,
    pools,
)

_OPEN_GATEWAY_SINCE = 28
_MAJOR = re.compile(r"([0-9]+)\.")


def network_request(mgmt: MgmtNet, engine_version: str) -> schema.NetworkCreate:
    """Ask for the management network; `engine_version` is Docker's own, as `28.5.2` or `20.10.24+dfsg1`."""
    return schema.NetworkCreate(
        name=check_network_name(mgmt.network),
        check_duplicate=True,
        driver="bridge",
        enable_ipv6=bool(mgmt.ipv6_subnet),
        ipam=schema.IPAM(config=pools(mgmt) or None),
        options=_options(mgmt, engine_version),
        # Containerlab writes the label without a value: the network may serve many labs.
        labels={labels.CONTAINERLAB: ""},
    )


def _options(mgmt: MgmtNet, engine_version: str) -> dict[str, str]:
    """Collect the driver's options; the user's own win."""
    options: dict[str, str] = {}
    if mgmt.mtu:
        options[MTU] = str(mtu(mgmt))
    if mgmt.bridge:
        options[BRIDGE_NAME] = bridge_name(mgmt)
    if _isolates_ports(engine_version):
        options |= dict.fromkeys(GATEWAY_MODES, OPEN_GATEWAY)
    return options | driver_options(mgmt)


def _isolates_ports(engine_version: str) -> bool:
    """Tell whether the engine closes ports that are not published, so that labs have to ask for open ones."""
    major = _MAJOR.match(engine_version)
    return major is not None and int(major[1]) >= _OPEN_GATEWAY_SINCE
