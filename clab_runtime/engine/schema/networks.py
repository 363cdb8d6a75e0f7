"""Networks, asked for and told of."""

from collections.abc import Mapping, Sequence

from msgspec import field

from clab_runtime.engine.schema.base import Reply, Request
from clab_runtime.engine.schema.container_create import EndpointConfig


class IPAMPool(Request):
    """A subnet of a network, with its gateway and the range that addresses are taken from."""

    subnet: str = ""
    gateway: str = ""
    ip_range: str = field(name="IPRange", default="")


class IPAM(Request):
    """How a network's addresses are managed."""

    driver: str = ""
    config: Sequence[IPAMPool] | None = None


class NetworkCreate(Request):
    """The body of POST /networks/create; `check_duplicate` matters to Docker 20.10, which allows two of one name."""

    name: str
    check_duplicate: bool = False
    driver: str = ""
    internal: bool = False
    enable_ipv6: bool = field(name="EnableIPv6", default=False)
    ipam: IPAM = field(name="IPAM", default_factory=IPAM)
    options: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class NetworkCreated(Reply):
    """The answer to POST /networks/create."""

    id: str
    warning: str = ""


class NetworkContainer(Reply):
    """A running container in a network's inspect."""

    name: str = ""
    ipv4_address: str = field(name="IPv4Address", default="")
    ipv6_address: str = field(name="IPv6Address", default="")


class Network(Reply):
    """GET /networks/{id}, and an item of GET /networks."""

    id: str
    name: str = ""
    created: str = ""
    driver: str = ""
    enable_ipv6: bool = field(name="EnableIPv6", default=False)
    ipam: IPAM = field(name="IPAM", default_factory=IPAM)
    containers: Mapping[str, NetworkContainer] | None = None
    options: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None


class NetworkConnect(Request):
    """The body of POST /networks/{id}/connect."""

    container: str
    endpoint_config: EndpointConfig = field(default_factory=EndpointConfig)


class NetworkDisconnect(Request):
    """The body of POST /networks/{id}/disconnect."""

    container: str
    force: bool = False
