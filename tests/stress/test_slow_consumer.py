"""A reader who stops for a while holds the engine back, and nobody else."""

import time
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from clab_runtime import ContainerStatus
from tests.conftest import FIGURES, NoLeaks
from tests.contract.lab import open_lab, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio

PAUSE = 3.0
"""Seconds in which nothing is read."""
LIMIT = 4 * 1024 * 1024
"""Bytes by which this process may grow meanwhile; the log has many times as many."""
FAST = "sh -c 'echo up; seq 1 2000000; sleep 100000'"


def memory() -> int:
    """Return the bytes of memory that this process has of its own."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_a_reader_who_stops_costs_no_memory_and_no_time_of_others(
    docker_engine: Engine, no_leaks: NoLeaks, record_property: Callable[[str, object], None]
) -> None:
    slowest, calls = 0.0, 0
    async with no_leaks(), open_lab(docker_engine) as lab:
        name = await lab.up("r1", FAST)
        async with lab.runtime.stream_logs(name) as log:
            assert (await within(log.__anext__)).data == b"up"
            before, until = memory(), time.monotonic() + PAUSE
            while (begun := time.monotonic()) < until:
                assert await lab.runtime.get_container_status(name) is ContainerStatus.RUNNING
                slowest, calls = max(slowest, time.monotonic() - begun), calls + 1
                await anyio.sleep(0.01)
            grown = memory() - before
            with anyio.fail_after(60):
                seen = [int((await anext(log)).data) for _ in range(100_000)]
        assert seen == list(range(1, 100_001))
    record_property(
        FIGURES,
        f"nothing read for {PAUSE} s: {grown / 1024:.0f} KiB more; {calls} calls, the slowest {slowest:.3f} s",
    )
    assert grown < LIMIT
    assert slowest < 2
