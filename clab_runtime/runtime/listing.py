"""Listing containers: which ones an engine is asked for, and what is made of its answer."""

import re
from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.models import GenericContainer, GenericFilter
from clab_runtime.models.base import is_list
from clab_runtime.models.given import check
from clab_runtime.runtime.translate import container_from_summary

HAS_PROCESS = frozenset({"running", "paused"})
"""The states in which a container has a process."""


class ListedContainer(msgspec.Struct, frozen=True):
    """A container as an engine lists it, and its first process's id, which is 0 where there is none."""

    summary: schema.ContainerSummary
    pid: int = 0
    stale: bool = False
    """Whether the engine's list was behind: the state has been set right, but other things may be as they were."""


class Seen(msgspec.Struct, frozen=True):
    """A container as it was seen, and whether some of that is out of date, so that one has to look again."""

    container: GenericContainer
    stale: bool = False


class Selection:
    """Which containers are wanted: those that all filters let pass, and of these, if ids are given, just those."""

    def __init__(self, filters: Sequence[GenericFilter], ids: Collection[str] | None = None) -> None:
        """Take the filters, and whole ids."""
        self._filters = filters
        self._ids = ids
        self.query = _engine_filters(filters) | ({} if ids is None else {"id": sorted(ids)})
        """What an engine can choose by itself."""

    def has(self, summary: schema.ContainerSummary) -> bool:
        """Hold a container against the filters; the engine's own answer is only a first choice."""
        is_meant = self._ids is None or summary.id in self._ids
        return is_meant and all(_passes(summary, condition) for condition in self._filters)


class Lister(Protocol):
    """What lists an engine's containers."""

    async def list_containers(self, engine: EngineClient, selection: Selection) -> Sequence[ListedContainer]:
        """List the containers that are wanted, in every state; one that vanishes meanwhile is left out."""
        ...


async def list_all(
    engine: EngineClient, lister: Lister, filters: Sequence[GenericFilter], mgmt_network: str
) -> Sequence[GenericContainer]:
    """List the containers that all filters let pass; one that vanishes meanwhile is left out."""
    selection = Selection(checked_filters(filters))
    return [seen.container for seen in await look(engine, lister, selection, mgmt_network)]


def checked_filters(filters: Sequence[GenericFilter]) -> Sequence[GenericFilter]:
    """Refuse what is no list of filters; return the list as it is by now, whatever its owner goes on to do with it."""
    filters = tuple(filters) if is_list(filters) else filters
    check("filters", filters, Sequence[GenericFilter])
    return filters


async def look(engine: EngineClient, lister: Lister, selection: Selection, mgmt_network: str) -> Sequence[Seen]:
    """List the containers that are wanted; one that vanishes meanwhile is left out."""
    return [
        Seen(container_from_summary(item.summary, pid=item.pid, mgmt_network=mgmt_network), item.stale)
        for item in await lister.list_containers(engine, selection)
    ]


def ended_status(exit_code: int) -> str:
    """Say, as engines do, how a container has ended."""
    return f"Exited ({exit_code})"


def _engine_filters(filters: Sequence[GenericFilter]) -> dict[str, list[str]]:
    """Let the engine do what it can: labels but `!=`, which it does not know, and names, which it takes as patterns."""
    found: dict[str, list[str]] = {}
    for condition in filters:
        if condition.filter_type == "name":
            found.setdefault("name", []).append(f"^{re.escape(condition.match)}$")
        elif condition.operator == "=":
            found.setdefault("label", []).append(f"{condition.field}={condition.match}")
        elif condition.operator == "exists":
            found.setdefault("label", []).append(condition.field)
    return found


def _passes(summary: schema.ContainerSummary, condition: GenericFilter) -> bool:
    """Hold a container against a filter."""
    if condition.filter_type == "name":
        return any(name.removeprefix("/") == condition.match for name in summary.names or ())
    labels = summary.labels or {}
    if condition.operator == "exists":
        return condition.field in labels
    return (labels.get(condition.field) == condition.match) is (condition.operator == "=")
