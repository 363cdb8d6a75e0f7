"""A thousand logs followed at once in one process, while other calls go on as if there were none."""

import time
from collections.abc import Callable

import anyio
import pytest

from clab_runtime import LogLine, RuntimeConfig, Stream
from tests.conftest import FIGURES, NoLeaks, open_descriptors
from tests.contract.lab import open_lab
from tests.engines import Engine

pytestmark = pytest.mark.anyio

STREAMS = 1000
CONTAINERS = 4
RATE = 200
"""Unary calls a second."""
SECONDS = 5.0
OPENING = 50
"""Streams being opened at once."""
TICKING = "sh -c 'while :; do date +%s; sleep 1; done'"


async def test_a_thousand_followed_logs_leave_other_calls_alone(
    docker_engine: Engine, no_leaks: NoLeaks, record_property: Callable[[str, object], None]
) -> None:
    lines = 0
    waits: list[float] = []
    took = 0.0

    async with no_leaks(), open_lab(docker_engine, config=RuntimeConfig(timeout=5)) as lab:
        names = [await lab.up(f"r{number}", TICKING) for number in range(CONTAINERS)]
        logs = [lab.runtime.stream_logs(names[number % CONTAINERS], tail=0) for number in range(STREAMS)]
        before, opened_at = len(open_descriptors()), time.monotonic()
        opening = anyio.CapacityLimiter(OPENING)

        async def enter(log: Stream[LogLine]) -> None:
            async with opening:
                await log.__aenter__()

        async def follow(log: Stream[LogLine]) -> None:
            nonlocal lines
            async for _ in log:
                lines += 1

        async def ask(number: int) -> None:
            begun = time.monotonic()
            await lab.runtime.get_container_status(names[number % CONTAINERS])
            waits.append(time.monotonic() - begun)

        async with anyio.create_task_group() as entering:
            for log in logs:
                entering.start_soon(enter, log)
        opened_in = time.monotonic() - opened_at
        try:
            assert f"{STREAMS} dedicated" in repr(lab.runtime)
            open_at_once = len(open_descriptors()) - before
            async with anyio.create_task_group() as following:
                for log in logs:
                    following.start_soon(follow, log)
                begun, clock = time.monotonic(), anyio.current_time()
                async with anyio.create_task_group() as asking:
                    for number in range(int(RATE * SECONDS)):
                        await anyio.sleep_until(clock + number / RATE)
                        asking.start_soon(ask, number)
                took = time.monotonic() - begun
                following.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                for log in logs:
                    await log.aclose()
        assert "0 busy" in repr(lab.runtime)
        assert "0 dedicated" in repr(lab.runtime)

    assert open_at_once >= STREAMS
    assert len(waits) == RATE * SECONDS
    assert lines >= STREAMS, "every log goes on"
    waits.sort()
    record_property(
        FIGURES,
        f"{STREAMS} logs opened in {opened_in:.1f} s, {lines} lines; {len(waits)} calls in {took:.1f} s: "
        f"median {waits[len(waits) // 2] * 1000:.1f} ms, 99 % {waits[len(waits) * 99 // 100] * 1000:.1f} ms",
    )
