"""Linux bridges through netlink, by the library pyroute2: an extra, which is loaded when it is first used."""

import socket
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from types import ModuleType
from typing import Protocol, cast

import anyio
import msgspec

from clab_runtime.host.problems import HostError, MissingToolError

IPInterface = IPv4Interface | IPv6Interface

_KIND = "bridge"


class Bridge(msgspec.Struct, frozen=True):
    """A bridge as the kernel has it."""

    group_fwd_mask: int
    """Which frames to link-local group addresses it passes on, a bit for each address."""
    addresses: Sequence[IPInterface]
    """Its addresses with their prefix lengths, in the kernel's order."""


def index_of(interface: str) -> int:
    """Return an interface's number, 0 when there is none of that name in this process's network namespace."""
    try:
        return socket.if_nametoindex(interface)
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return 0


async def read_bridge(name: str) -> Bridge | None:
    """Return a bridge, None when that interface is another kind of thing; raises HostError."""
    return await anyio.to_thread.run_sync(_read_bridge, name)


async def set_group_fwd_mask(name: str, mask: int) -> None:
    """Choose which frames to link-local group addresses a bridge passes on; raises HostError."""
    await anyio.to_thread.run_sync(_set_group_fwd_mask, name, mask)


class _Message(Protocol):
    """What the kernel tells of an interface or an address."""

    def __getitem__(self, field: str) -> int: ...

    def get(self, attribute: str) -> object: ...


class _Netlink(Protocol):
    """The part of pyroute2's IPRoute that is used here."""

    def link(self, command: str, **attributes: object) -> Sequence[_Message]: ...

    def get_addr(self, *, index: int) -> Iterable[_Message]: ...


@contextmanager
def _netlink() -> Generator[_Netlink]:
    """Open a netlink socket, and put what goes wrong into words."""
    pyroute2 = _pyroute2()
    try:
        with pyroute2.IPRoute() as netlink:
            yield cast("_Netlink", netlink)
    except Exception as exc:  # the library's errors have no class in common
        raise HostError(f"netlink: {exc}") from exc


def _pyroute2() -> ModuleType:
    """Load the library; raises MissingToolError when it is not installed."""
    try:
        return import_module("pyroute2")
    except ImportError:
        raise MissingToolError("this needs pyroute2; install clab-runtime[host]") from None


def _read_bridge(name: str) -> Bridge | None:
    """Ask the kernel for a bridge's attributes and addresses."""
    with _netlink() as netlink:
        index = socket.if_nametoindex(name)
        (message,) = netlink.link("get", index=index)
        info = cast("Mapping[str, object]", message.get("linkinfo") or {})
        if info.get("kind") != _KIND:
            return None
        data = cast("_Message", info.get("data"))
        addresses = [
            ip_interface(f"{item.get('address')}/{item['prefixlen']}") for item in netlink.get_addr(index=index)
        ]
        return Bridge(cast("int", data.get("br_group_fwd_mask")), addresses)


def _set_group_fwd_mask(name: str, mask: int) -> None:
    """Set a bridge's attribute."""
    with _netlink() as netlink:
        netlink.link("set", index=socket.if_nametoindex(name), kind=_KIND, br_group_fwd_mask=mask)
