"""DOCKER-USER through `iptables` and `ip6tables`, where nftables has no such chain or there is no `nft`."""

import shlex
from collections.abc import Sequence
from typing import Final

from clab_runtime.host.chain import CHAIN, COMMENT, UserChain
from clab_runtime.host.tools import run_tool

_TOOLS: Final = {4: "iptables", 6: "ip6tables"}
_WAIT: Final = ("--wait", "5")
"""Seconds to wait for others that are changing rules."""
_DIRECTIONS: Final = ("-i", "-o")


class IptablesChain(UserChain):
    """The chain in iptables."""

    def __init__(self, tool: str, rules: Sequence[Sequence[str]]) -> None:
        """Take the tool, and the words of the rules that it lists."""
        self._tool = tool
        self._rules = rules

    async def accept(self, bridge: str) -> None:
        """Insert the rules that are not there."""
        for rule in _accepting(bridge):
            if ["-A", CHAIN, *rule] not in self._rules:
                await run_tool(self._tool, *_WAIT, "-I", CHAIN, *rule)

    async def forget(self, bridge: str) -> None:
        """Delete the rules, each as often as it is there."""
        for rule in _accepting(bridge):
            for _ in range(self._rules.count(["-A", CHAIN, *rule])):
                await run_tool(self._tool, *_WAIT, "-D", CHAIN, *rule)


async def find_chain(version: int) -> IptablesChain | None:
    """Return the chain for that version of IP, if iptables has it; raises HostError."""
    tool = _TOOLS[version]
    output = await run_tool(tool, *_WAIT, "-S")
    rules = [shlex.split(line) for line in output.decode(errors="replace").splitlines()]
    return IptablesChain(tool, rules) if ["-N", CHAIN] in rules else None


def _accepting(bridge: str) -> Sequence[Sequence[str]]:
    """Write our rules for a bridge as iptables itself lists them."""
    return [[direction, bridge, "-m", "comment", "--comment", COMMENT, "-j", "ACCEPT"] for direction in _DIRECTIONS]
