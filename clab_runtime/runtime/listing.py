"""Listing containers: one list call, then the process numbers, which the engine's list lacks, by bounded inspects."""

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import NotFoundError
from clab_runtime.models import GenericContainer, GenericFilter
from clab_runtime.models.given import check
from clab_runtime.runtime.translate import container_from_summary

_HAS_PROCESS = {"running", "paused"}


async def list_all(
    engine: EngineClient, filters: Sequence[GenericFilter], mgmt_network: str
) -> Sequence[GenericContainer]:
    """List the containers that all filters let pass; one that vanishes meanwhile is left out."""
    check("filters", filters, Sequence[GenericFilter])
    summaries = await engine.containers.list(filters=_engine_filters(filters))
    wanted = [summary for summary in summaries if all(_passes(summary, condition) for condition in filters)]
    looked_at = await _inspect(engine, [summary.id for summary in wanted if summary.state in _HAS_PROCESS])
    return [
        _translated(summary, looked_at.get(summary.id), mgmt_network)
        for summary in wanted
        if summary.state not in _HAS_PROCESS or summary.id in looked_at
    ]


def _translated(
    summary: schema.ContainerSummary, inspect: schema.ContainerInspect | None, mgmt_network: str
) -> GenericContainer:
    """Make the model of a container, with its process's number if it was looked at."""
    if inspect is None:
        return container_from_summary(summary, pid=0, mgmt_network=mgmt_network)
    return container_from_summary(_current(summary, inspect), pid=inspect.state.pid, mgmt_network=mgmt_network)


def _current(summary: schema.ContainerSummary, inspect: schema.ContainerInspect) -> schema.ContainerSummary:
    """Return the summary of a container as it is by now: Docker's list lags a moment behind an exit."""
    state = inspect.state
    if state.status == summary.state:
        return summary
    status = f"Exited ({state.exit_code})" if state.status == "exited" else state.status.capitalize()
    networks = schema.SummaryNetworkSettings(networks=inspect.network_settings.networks)
    return msgspec.structs.replace(summary, state=state.status, status=status, network_settings=networks)


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
    """Hold a container against a filter; the engine's own answer is only a first choice."""
    if condition.filter_type == "name":
        return any(name.removeprefix("/") == condition.match for name in summary.names or ())
    labels = summary.labels or {}
    if condition.operator == "exists":
        return condition.field in labels
    return (labels.get(condition.field) == condition.match) is (condition.operator == "=")


async def _inspect(engine: EngineClient, containers: Sequence[str]) -> dict[str, schema.ContainerInspect]:
    """Look at containers, as many at once as the client's pool allows; those that have vanished are left out."""
    found: dict[str, schema.ContainerInspect] = {}

    async def look(container: str) -> None:
        with suppress(NotFoundError):
            found[container] = await engine.containers.inspect(container)

    await run_all(partial(look, container) for container in containers)
    return found
