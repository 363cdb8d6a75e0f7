"""HostSide: what one runtime does on its host, and what it found there before."""

import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import anyio

from clab_runtime.host import firewall, netlink, netns, sysctls
from clab_runtime.host.chain import CHAIN
from clab_runtime.host.netlink import IPInterface
from clab_runtime.host.problems import HostError, MissingToolError

logger = logging.getLogger("clab_runtime")

LLDP_MASK = 0x4000
"""The bit of group_fwd_mask that lets a bridge pass on LLDP frames."""


class HostSide:
    """Do on this host what its rights allow, and warn once of each kind of thing that they don't."""

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._rp_filters: dict[Path, str] = {}
        self._masks: dict[str, int] = {}
        self._opened: dict[str, int] = {}
        self._opening = anyio.Lock()

    # ------------------------------------------------------------ a lab's bridge

    async def addresses(self, bridge: str) -> Sequence[IPInterface]:
        """Tell the addresses of a bridge that is there already."""
        found: netlink.Bridge | None = None
        with self._attempt("the addresses of an existing bridge are not used as gateways"):
            if self.sees(bridge):
                found = await netlink.read_bridge(bridge)
        return found.addresses if found else ()

    def sees(self, bridge: str) -> bool:
        """Tell whether a bridge is there, in this process's network namespace."""
        return netlink.index_of(bridge) != 0

    def has_opened(self, bridge: str) -> bool:
        """Tell whether the host is set up for the bridge that is there now by that name, or can't be."""
        return bridge in self._opened and self._opened[bridge] == netlink.index_of(bridge)

    async def open_bridge(self, bridge: str, *, accept: bool) -> None:
        """Switch the reverse path filter off, let LLDP through, and accept what goes in and out of the bridge."""
        async with self._opening:
            await self._open(bridge, accept=accept)

    async def open_new_bridge(self, bridge: str, *, accept: bool) -> None:
        """Do the same, unless it has been done: many containers may each have been the one that brought the bridge."""
        async with self._opening:
            if not self.has_opened(bridge):
                await self._open(bridge, accept=accept)

    async def _open(self, bridge: str, *, accept: bool) -> None:
        """Set the host up if it can be, and note at the end for which bridge: 0 stands for one that is not seen."""
        index = netlink.index_of(bridge)
        if index:
            await self._set_up(bridge, accept=accept)
        else:
            self.warn(
                "the host is left as it is",
                f"bridge {bridge} is not in this process's network namespace; rp_filter, LLDP forwarding and the "
                "accept rules are up to whoever runs the engine",
            )
        self._opened[bridge] = index

    async def _set_up(self, bridge: str, *, accept: bool) -> None:
        """Do what the rights allow."""
        with self._attempt("rp_filter stays on"):
            sysctls.relax(self._rp_filters)
        with self._attempt("LLDP forwarding stays off"):
            await self._pass_lldp(bridge)
        if accept:
            with self._attempt(f"no accept rules in {CHAIN}"):
                await firewall.accept(bridge)

    async def close_bridge(self, bridge: str) -> None:
        """Remove the accept rules, and give a bridge that has survived its network its own mask back."""
        self._opened.pop(bridge, None)
        with self._attempt(f"accept rules in {CHAIN} may be left"):
            await self._forget(bridge)
        with self._attempt("LLDP forwarding stays on"):
            await self._restore_mask(bridge)

    @property
    def has_relaxed_filters(self) -> bool:
        """Whether this runtime has switched a reverse path filter off."""
        return bool(self._rp_filters)

    def restore_filters(self) -> None:
        """Switch the reverse path filters on again that this runtime has switched off."""
        with self._attempt("rp_filter stays off"):
            sysctls.restore(self._rp_filters)

    async def _pass_lldp(self, bridge: str) -> None:
        """Note the mask, and set the bit in it."""
        found = await netlink.read_bridge(bridge)
        if found and not found.group_fwd_mask & LLDP_MASK:
            self._masks[bridge] = found.group_fwd_mask
            await netlink.set_group_fwd_mask(bridge, found.group_fwd_mask | LLDP_MASK)

    async def _restore_mask(self, bridge: str) -> None:
        """Set the mask back, if it was set here and is as it was set."""
        mask = self._masks.pop(bridge, None)
        if mask is not None and self.sees(bridge):
            found = await netlink.read_bridge(bridge)
            if found and found.group_fwd_mask == mask | LLDP_MASK:
                await netlink.set_group_fwd_mask(bridge, mask)

    @staticmethod
    async def _forget(bridge: str) -> None:
        """Remove the rules; where there is no tool, nobody has made any."""
        try:
            await firewall.forget(bridge)
        except MissingToolError as exc:
            logger.info("no accept rules to remove: %s", exc)

    # ------------------------------------------------------------ network namespaces

    def may_link(self) -> bool:
        """Tell whether this process may link namespaces."""
        if netns.is_writable():
            return True
        self.warn("network namespaces are not linked", f"this process may not write to {netns.DIRECTORY}")
        return False

    def link(self, name: str, namespace: str) -> None:
        """Link a node's name to its container's network namespace."""
        with self._attempt("a network namespace is not linked"):
            netns.make(name, namespace)

    def unlink(self, link: netns.Link | None) -> None:
        """Remove a link that was found."""
        if link:
            with self._attempt("the link to a network namespace stays"):
                link.remove()

    # ------------------------------------------------------------ trouble

    @contextmanager
    def _attempt(self, consequence: str) -> Generator[None]:
        """Warn of what goes wrong, and go on."""
        try:
            yield
        except (OSError, HostError) as exc:
            self.warn(consequence, str(exc))

    def warn(self, consequence: str, problem: str) -> None:
        """Warn once: what hundreds of nodes meet is one thing to tell."""
        if consequence not in self._warned:
            self._warned.add(consequence)
            logger.warning("%s: %s", consequence, problem)
