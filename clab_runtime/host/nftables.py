"""DOCKER-USER through `nft`, which speaks JSON both ways; iptables-nft reads the rules that it makes."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec

from clab_runtime.host.chain import CHAIN, COMMENT, UserChain
from clab_runtime.host.problems import HostError
from clab_runtime.host.tools import run_tool

T = TypeVar("T")

_FAMILIES: Final = {4: "ip", 6: "ip6"}
_TABLE: Final = "filter"
_DIRECTIONS: Final = ("iifname", "oifname")


class _Chain(msgspec.Struct):
    table: str
    name: str


class _Rule(msgspec.Struct):
    handle: int
    comment: str = ""
    expr: Sequence[Mapping[str, object]] = ()


class _Item(msgspec.Struct):
    """One of the things that nft lists; others than these are left out."""

    chain: _Chain | None = None
    rule: _Rule | None = None


class _Listing(msgspec.Struct):
    nftables: Sequence[_Item]


class NftChain(UserChain):
    """The chain in nftables."""

    def __init__(self, family: str) -> None:
        """Use the chain of `ip` or `ip6`."""
        self._place = {"family": family, "table": _TABLE, "chain": CHAIN}

    async def accept(self, bridge: str) -> None:
        """Insert the rules that are not there, in one transaction."""
        there = [rule.expr[0] for rule in await self._rules(bridge)]
        missing = [_match(direction, bridge) for direction in _DIRECTIONS if _match(direction, bridge) not in there]
        await _apply([{"insert": {"rule": self._place | _accepting(match)}} for match in missing])

    async def forget(self, bridge: str) -> None:
        """Delete the rules by their handles, in one transaction."""
        rules = await self._rules(bridge)
        await _apply([{"delete": {"rule": self._place | {"handle": rule.handle}}} for rule in rules])

    async def _rules(self, bridge: str) -> Sequence[_Rule]:
        """List our rules for a bridge."""
        output = await run_tool("nft", "--json", "--handle", "list", "chain", *self._place.values())
        matches = [_match(direction, bridge) for direction in _DIRECTIONS]
        rules = [item.rule for item in _listed(output) if item.rule]
        return [rule for rule in rules if rule.comment == COMMENT and rule.expr and rule.expr[0] in matches]


async def find_chain(version: int) -> NftChain | None:
    """Return the chain for that version of IP, if nftables has it; raises HostError."""
    family = _FAMILIES[version]
    items = _listed(await run_tool("nft", "--json", "list", "chains", family))
    found = any(item.chain and (item.chain.table, item.chain.name) == (_TABLE, CHAIN) for item in items)
    return NftChain(family) if found else None


def _listed(output: bytes) -> Sequence[_Item]:
    """Read what nft lists."""
    try:
        return msgspec.json.decode(output, type=_Listing).nftables
    except msgspec.DecodeError as exc:
        raise HostError(f"nft: its output is not understood: {exc}") from exc


def _match(direction: str, bridge: str) -> dict[str, object]:
    """Write the condition, as nft itself lists it."""
    return {"match": {"op": "==", "left": {"meta": {"key": direction}}, "right": bridge}}


def _accepting(match: Mapping[str, object]) -> dict[str, object]:
    """Write a rule that counts and accepts what meets a condition."""
    return {"comment": COMMENT, "expr": [match, {"counter": None}, {"accept": None}]}


async def _apply(commands: Sequence[Mapping[str, object]]) -> None:
    """Carry out all commands or none."""
    if commands:
        await run_tool("nft", "--json", "--file", "-", stdin=msgspec.json.encode({"nftables": commands}))
