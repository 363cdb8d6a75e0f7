"""Listing containers on Podman: its Docker-compatible list, and its own for the process numbers; two calls for all."""

from collections.abc import Mapping, Sequence

from msgspec import structs

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.listing import HAS_PROCESS, ListedContainer, Selection, ended_status

_STATES: Mapping[str, str] = {
    "configured": "created",
    "initialized": "created",
    "stopped": "exited",
    "stopping": "running",
}
"""Podman's words for states that Docker has under others."""

_ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - what is said of a port, nothing is bound here
_CHECKED = frozenset({"healthy", "unhealthy"})


async def list_containers(engine: EngineClient, selection: Selection) -> Sequence[ListedContainer]:
    """List; one that only one of the two lists has is coming or going, and left out."""
    found = await engine.containers.list(filters=selection.query)
    summaries = [summary for summary in found if selection.has(summary)]
    if not summaries:
        return []
    later = {item.id: item for item in await engine.libpod.containers.list(filters=selection.query)}
    return [_listed(summary, later[summary.id]) for summary in summaries if summary.id in later]


def _listed(summary: schema.ContainerSummary, item: schema.LibpodContainer) -> ListedContainer:
    """Put what the lists say of a container together, as it is by the later one."""
    state = _STATES.get(item.state, item.state)
    stale = _STATES.get(summary.state, summary.state) != state
    status = _new_status(state, item) if stale else _status(summary, item, state)
    if state not in HAS_PROCESS:
        return ListedContainer(structs.replace(summary, state=state, status=status, ports=()), stale=stale)
    ports = [structs.replace(port, ip=port.ip or _ANY_ADDRESS) for port in summary.ports or ()]
    return ListedContainer(structs.replace(summary, state=state, status=status, ports=ports), item.pid, stale)


def _status(summary: schema.ContainerSummary, item: schema.LibpodContainer, state: str) -> str:
    """Say what state a container is in, with its health, in Docker's way."""
    return f"{summary.status} ({item.status})" if state == "running" and item.status in _CHECKED else summary.status


def _new_status(state: str, item: schema.LibpodContainer) -> str:
    """Say what state a container has got into since its summary was written."""
    return ended_status(item.exit_code) if state == "exited" else state.capitalize()
