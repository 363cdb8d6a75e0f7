"""Accept rules for a lab's bridge, so that its nodes can be reached from outside: IPv4 and IPv6, by whichever tool.

Docker drops what it has not published; its chain DOCKER-USER is asked first. Two processes that add the rules for one
bridge at the same moment may both do so, which harms nothing: all are removed.
"""

import logging
import re
from collections.abc import Sequence

from clab_runtime.host import iptables, nftables
from clab_runtime.host.chain import CHAIN, UserChain
from clab_runtime.host.problems import HostError, MissingToolError

logger = logging.getLogger("clab_runtime")

_VERSIONS = (4, 6)
_FINDERS = (nftables.find_chain, iptables.find_chain)
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
"""Names that mean just one interface: nft reads a `*` at the end as any, iptables a `+`."""


async def accept(bridge: str) -> None:
    """Let traffic into and out of a bridge pass; raises HostError. Without the chain the engine filters nothing."""
    if not _PLAIN.fullmatch(bridge):
        raise HostError(f"the bridge's name {bridge!r} could mean others, too")
    for version in _VERSIONS:
        chain = await _user_chain(version)
        if chain is None:
            logger.info("IPv%d has no chain %s: the engine does not filter it", version, CHAIN)
        else:
            await chain.accept(bridge)


async def forget(bridge: str) -> None:
    """Remove the rules for a bridge, if there are any; raises HostError."""
    for version in _VERSIONS:
        chain = await _user_chain(version)
        if chain:
            await chain.forget(bridge)


async def _user_chain(version: int) -> UserChain | None:
    """Find the chain; raises HostError when no tool can tell, MissingToolError when there is no tool."""
    problems: list[HostError] = []
    for find_chain in _FINDERS:
        try:
            if chain := await find_chain(version):
                return chain
        except HostError as exc:
            problems.append(exc)
    if len(problems) == len(_FINDERS):
        raise _worst(problems)
    return None


def _worst(problems: Sequence[HostError]) -> HostError:
    """Choose what to tell when no tool could: that there is none only if that is all."""
    for problem in problems:
        if not isinstance(problem, MissingToolError):
            return problem
    return MissingToolError(f"{' and '.join(map(str, problems))}: install nftables or iptables")
