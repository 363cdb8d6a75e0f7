"""A node's place in its network, in the words of Docker's API version."""

from collections.abc import Mapping
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.runtime.attachment import Attachment, Place

ENDPOINT_MAC_SINCE: Final = APIVersion(1, 44)
"""The first API where a hardware address belongs to the endpoint; older ones have it at the top."""
INTERFACE_NAME_SINCE: Final = APIVersion(1, 48)
"""The first API of Docker 28, which can name a container's interface."""
_INTERFACE_NAME = "com.docker.network.endpoint.ifname"
_FIRST_INTERFACE = "eth0"


def endpoints(network: Attachment, api: APIVersion) -> Mapping[str, schema.EndpointConfig]:
    """Say what is asked for in each network."""
    if network.place is None:
        return {}
    endpoint = schema.EndpointConfig(
        ipam_config=_static_addresses(network.place),
        aliases=network.place.aliases,
        mac_address=network.place.mac if api >= ENDPOINT_MAC_SINCE else "",
        driver_opts=_interface_name(network.place.interface, api),
    )
    return {network.network_mode: endpoint}


def top_mac_address(network: Attachment, api: APIVersion) -> str:
    """Return the hardware address for an API that wants it at the top."""
    return network.place.mac if network.place and api < ENDPOINT_MAC_SINCE else ""


def _static_addresses(place: Place) -> schema.EndpointIPAMConfig | None:
    """Ask for fixed addresses, if the node has any."""
    if not (place.ipv4 or place.ipv6):
        return None
    return schema.EndpointIPAMConfig(ipv4_address=place.ipv4, ipv6_address=place.ipv6)


def _interface_name(name: str, api: APIVersion) -> dict[str, str]:
    """Ask for a name of the interface; eth0 is what older engines call it anyway."""
    if name and api >= INTERFACE_NAME_SINCE:
        return {_INTERFACE_NAME: name}
    if name in {"", _FIRST_INTERFACE}:
        return {}
    feature = f"mgmt-intf {name!r}: naming an interface needs API {INTERFACE_NAME_SINCE} (Docker 28)"
    raise UnsupportedOperationError("docker", f"API {api}", feature)
