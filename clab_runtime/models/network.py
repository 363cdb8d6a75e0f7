"""The management network that all nodes of a lab are attached to."""

from collections.abc import Mapping
from typing import ClassVar

from clab_runtime.models.words import WordedModel


class MgmtNet(WordedModel, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """The management network, in containerlab's words; unknown words are ignored."""

    deprecated_words: ClassVar[Mapping[str, str]] = {"ipv4_subnet": "ipv4-subnet", "ipv6_subnet": "ipv6-subnet"}

    network: str = "clab"
    """The network's name on the engine; `bridge` is the engine's default network, which is never deleted."""
    bridge: str = ""
    """The Linux bridge's name; empty: the engine's choice."""
    ipv4_subnet: str = ""
    """The IPv4 subnet, `172.20.20.0/24`; empty: none is asked for."""
    ipv4_gw: str = ""
    """The IPv4 gateway's address."""
    ipv4_range: str = ""
    """The part of the IPv4 subnet that containers get addresses from."""
    ipv6_subnet: str = ""
    """The IPv6 subnet, or `auto` for a random one; empty: none is asked for."""
    ipv6_gw: str = ""
    """The IPv6 gateway's address."""
    ipv6_range: str = ""
    """The part of the IPv6 subnet that containers get addresses from."""
    mtu: int = 0
    """The largest packet in bytes; 0: as the engine's default bridge has it."""
    external_access: bool | None = None
    """Whether traffic from outside is let in; None: the word was not given, which means yes."""
    skip_when_unused: bool = False
    """Whether the network is not made when no node is attached to it."""
    driver_opts: Mapping[str, str] = {}
    """Options for the engine's network driver; they win over what is set here."""
