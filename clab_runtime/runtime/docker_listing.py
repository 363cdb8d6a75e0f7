"""Listing containers on Docker: one list call, then the process numbers, which the list lacks, by bounded inspects."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import NotFoundError
from clab_runtime.runtime.listing import HAS_PROCESS, ListedContainer, Selection, ended_status


async def list_containers(engine: EngineClient, selection: Selection) -> Sequence[ListedContainer]:
    """List, and look at those that have a process; one that vanishes meanwhile is left out."""
    found = await engine.containers.list(filters=selection.query)
    summaries = [summary for summary in found if selection.has(summary)]
    looked_at = await _inspect(engine, [summary.id for summary in summaries if summary.state in HAS_PROCESS])
    return [
        _listed(summary, looked_at.get(summary.id))
        for summary in summaries
        if summary.state not in HAS_PROCESS or summary.id in looked_at
    ]


def _listed(summary: schema.ContainerSummary, inspect: schema.ContainerInspect | None) -> ListedContainer:
    """Add the process's number, if the container was looked at."""
    if inspect is None:
        return ListedContainer(summary)
    return ListedContainer(_current(summary, inspect), inspect.state.pid, inspect.state.status != summary.state)


def _current(summary: schema.ContainerSummary, inspect: schema.ContainerInspect) -> schema.ContainerSummary:
    """Return the summary of a container as it is by now: Docker's list lags a moment behind an exit."""
    state = inspect.state
    if state.status == summary.state:
        return summary
    status = ended_status(state.exit_code) if state.status == "exited" else state.status.capitalize()
    networks = schema.SummaryNetworkSettings(networks=inspect.network_settings.networks)
    return msgspec.structs.replace(summary, state=state.status, status=status, network_settings=networks)


async def _inspect(engine: EngineClient, containers: Sequence[str]) -> dict[str, schema.ContainerInspect]:
    """Look at containers, as many at once as the client's pool allows; those that have vanished are left out."""
    found: dict[str, schema.ContainerInspect] = {}

    async def look(container: str) -> None:
        with suppress(NotFoundError):
            found[container] = await engine.containers.inspect(container)

    await run_all(partial(look, container) for container in containers)
    return found
