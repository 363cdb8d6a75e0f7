"""What containers use, as dockerd tells it: it measures those that somebody listens to once a second, all in turn."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.framing import JSONDecoder
from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import EngineProtocolError, NotFoundError
from clab_runtime.models import ContainerStats, InterfaceStats
from clab_runtime.models.timestamps import from_nanoseconds, nanoseconds_of
from clab_runtime.runtime.measuring import TRANSIENT, Patience, is_running
from clab_runtime.runtime.stats_board import Part, StatsBoard

_NEVER: Final = "0001-"
"""How Go's moment that is none begins: of a container that does not run."""

_UNUSED_CACHE: Final = ("total_inactive_file", "inactive_file")
"""The kernel's names for the page cache that was not used lately, with cgroups of version 1 and 2."""


async def measure(engine: EngineClient, container: str) -> ContainerStats | None:
    """Measure a container; GET /containers/{id}/stats."""
    return figures_of(await engine.containers.stats_once(container))


async def follow(engine: EngineClient, board: StatsBoard) -> None:
    """Measure containers until all have ended, each by a connection of its own; GET /containers/{id}/stats."""
    await run_all(partial(_follow, engine, board, part) for part in board.running)


async def _follow(engine: EngineClient, board: StatsBoard, part: Part) -> None:
    """Measure a container until it ends."""
    patience = Patience(engine)
    while not part.ended:
        try:
            await _listen(engine, board, part, patience)
        except NotFoundError:
            board.end(part)
        except TRANSIENT as exc:
            await patience.after(exc)


async def _listen(engine: EngineClient, board: StatsBoard, part: Part, patience: Patience) -> None:
    """Read one answer until the container has ended; it goes on for one that is stopped, with empty measurements."""
    raw, decoder = engine.containers.stats(part.id), JSONDecoder(schema.Stats)
    await raw.open()
    try:
        while not part.ended:
            data = await raw.receive()
            measured = [figures_of(stats) for stats in decoder.feed(data)]
            patience.renew()
            for figures in filter(None, measured):
                board.put(part, figures)
            if (not data or None in measured) and not await is_running(engine, part.id):
                board.end(part)
            elif not data:
                raise EngineProtocolError(f"the engine ended the measuring of container {part.id}, which runs")
    finally:
        await raw.aclose()


def figures_of(stats: schema.Stats) -> ContainerStats | None:
    """Translate a measurement; None: the container does not run."""
    if not stats.read or stats.read.startswith(_NEVER):
        return None
    moment, memory = nanoseconds_of(stats.read), stats.memory_stats
    usage, limit = _used(memory), memory.limit or None
    networks = stats.networks or {}
    return ContainerStats(
        container="",
        timestamp=from_nanoseconds(moment),
        time_nano=moment,
        cpu_total_ns=stats.cpu_stats.cpu_usage.total_usage,
        online_cpus=stats.cpu_stats.online_cpus or None,
        memory_usage=usage,
        memory_limit=limit,
        memory_percent=100 * usage / limit if limit else None,
        rx_bytes=sum(counters.rx_bytes for counters in networks.values()),
        tx_bytes=sum(counters.tx_bytes for counters in networks.values()),
        interfaces={
            name: InterfaceStats(rx_bytes=counters.rx_bytes, tx_bytes=counters.tx_bytes)
            for name, counters in networks.items()
        },
        block_read_bytes=_moved("read", stats.blkio_stats.io_service_bytes_recursive or ()),
        block_write_bytes=_moved("write", stats.blkio_stats.io_service_bytes_recursive or ()),
        pids=stats.pids_stats.current,
    )


def _used(memory: schema.MemoryStats) -> int:
    """Tell the memory in use as the docker CLI does: without the page cache that was not used lately."""
    counters = memory.stats or {}
    unused = next((counters[name] for name in _UNUSED_CACHE if name in counters), 0)
    return memory.usage - unused if unused < memory.usage else memory.usage


def _moved(operation: str, entries: Iterable[schema.BlockEntry]) -> int:
    """Add up the bytes of an operation, over all devices; its name's case depends on the version of cgroups."""
    return sum(entry.value for entry in entries if entry.op.lower() == operation)
