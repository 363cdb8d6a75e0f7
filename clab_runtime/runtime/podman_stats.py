"""What containers use, as Podman tells it: asked for, all in one request, as often as the interval says.

Its streams are no use here: the compatible one has a measurement every 5 seconds, and that of its own API keeps them
back until they fill 4 KiB.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.tasks import run_all
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import EngineStreamError, NotFoundError
from clab_runtime.models import ContainerStats, InterfaceStats
from clab_runtime.models.timestamps import from_nanoseconds
from clab_runtime.runtime.measuring import TRANSIENT, Patience, is_running
from clab_runtime.runtime.podman_version import is_since
from clab_runtime.runtime.stats_board import Part, StatsBoard

AT_ONCE: Final = 200
"""Containers in one request: their ids are in its first line."""

_NULL: Final = b"null"
_UNSWAPPED: Final = APIVersion(4, 4)
"""Before it Podman took what the container sends for what it receives (podman#16618)."""


async def measure(engine: EngineClient, container: str) -> ContainerStats | None:
    """Measure a container; GET /libpod/containers/stats."""
    found = await _report(engine, [container])
    if not found and await is_running(engine, container):
        raise EngineStreamError(f"Podman can't tell what container {container} uses, and does not say why")
    return found.get(container)


async def follow(engine: EngineClient, board: StatsBoard) -> None:
    """Measure containers until all have ended; GET /libpod/containers/stats."""
    patience = Patience(engine)
    while running := board.running:
        try:
            for start in range(0, len(running), AT_ONCE):
                await _measure(engine, board, running[start : start + AT_ONCE])
        except TRANSIENT as exc:
            await patience.after(exc)
        else:
            patience.renew()
            if board.running:
                await engine.pause(board.interval)


async def _measure(engine: EngineClient, board: StatsBoard, parts: Sequence[Part]) -> None:
    """Measure containers once; look at those of which Podman tells nothing."""
    found = await _report(engine, [part.id for part in parts])
    missing = [part for part in parts if part.id not in found]
    for part in parts:
        if (figures := found.get(part.id)) is not None:
            board.put(part, figures)

    async def look(part: Part) -> None:
        if not await is_running(engine, part.id):
            board.end(part)

    await run_all(partial(look, part) for part in missing)
    if not found and not any(part.ended for part in parts):
        raise EngineStreamError("Podman can't tell what containers use, and does not say why")


async def _report(engine: EngineClient, containers: Sequence[str]) -> Mapping[str, ContainerStats]:
    """Ask for the figures of containers, by their ids; those of one that does not run are missing.

    All are when one of them is gone.
    """
    try:
        report = await engine.libpod.containers.stats(containers)
    except NotFoundError:
        return {}
    if bytes(report.error) != _NULL:
        return {}
    swapped = not is_since(await engine.info(), _UNSWAPPED)
    return {stats.container_id: figures_of(stats, swapped=swapped) for stats in report.stats or () if stats.system_nano}


def figures_of(stats: schema.LibpodStats, *, swapped: bool) -> ContainerStats:
    """Translate a measurement; `swapped` if what was sent and what was received are in each other's place."""
    interfaces = {
        name: InterfaceStats(rx_bytes=counters.rx_bytes, tx_bytes=counters.tx_bytes)
        for name, counters in (stats.network or {}).items()
    }
    received, sent = (stats.net_output, stats.net_input) if swapped else (stats.net_input, stats.net_output)
    limit = stats.mem_limit or None
    return ContainerStats(
        container="",
        timestamp=from_nanoseconds(stats.system_nano),
        time_nano=stats.system_nano,
        cpu_total_ns=stats.cpu_nano,
        online_cpus=len(stats.per_cpu or ()) or None,
        memory_usage=stats.mem_usage,
        memory_limit=limit,
        memory_percent=100 * stats.mem_usage / limit if limit else None,
        rx_bytes=sum(counters.rx_bytes for counters in interfaces.values()) or received,
        tx_bytes=sum(counters.tx_bytes for counters in interfaces.values()) or sent,
        interfaces=interfaces,
        block_read_bytes=stats.block_input,
        block_write_bytes=stats.block_output,
        pids=stats.pids,
    )
