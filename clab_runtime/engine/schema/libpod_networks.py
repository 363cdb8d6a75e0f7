"""Networks in Podman's own words, asked for and told of."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field


class LibpodLeaseRange(Struct, omit_defaults=True):
    """From which address to which containers get theirs; both belong to it."""

    start_ip: str = ""
    end_ip: str = ""


class LibpodSubnet(Struct, omit_defaults=True):
    """A subnet of a network, with its gateway and the addresses that containers get."""

    subnet: str
    gateway: str = ""
    lease_range: LibpodLeaseRange | None = None


class LibpodNetworkCreate(Struct, kw_only=True, omit_defaults=True):
    """The body of POST /libpod/networks/create."""

    name: str
    driver: str = ""
    network_interface: str = ""
    subnets: Sequence[LibpodSubnet] = ()
    ipv6_enabled: bool = False
    dns_enabled: bool = False
    labels: Mapping[str, str] = {}
    options: Mapping[str, str] = {}


class LibpodNetwork(Struct, kw_only=True, gc=False):
    """An item of GET /libpod/networks/json, and the answer to POST /libpod/networks/create."""

    id: str
    name: str = ""
    created: str = ""
    driver: str = ""
    network_interface: str = ""
    """The bridge; of a macvlan network its parent."""
    subnets: Sequence[LibpodSubnet] | None = None
    ipv6_enabled: bool = False
    labels: Mapping[str, str] | None = None
    options: Mapping[str, str] | None = None


class LibpodNetworkRemoval(Struct):
    """An item of the answer to DELETE /libpod/networks/{id}: whether that network is gone."""

    name: str = field(name="Name", default="")
    err: str | None = field(name="Err", default=None)
