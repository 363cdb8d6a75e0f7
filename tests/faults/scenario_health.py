"""Two hundred containers awaited until they are healthy: one connection of events, and hardly anything else."""

import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import anyio
import msgspec

from clab_runtime import ContainerRuntime, HealthcheckConfig, NodeConfig, WaitFor
from tests.contract.lab import Lab, open_lab, runtime_for
from tests.engines import Engine
from tests.faults.proxy import EVENTS, Line, Proxy, open_proxy
from tests.faults.report import Report

CONTAINERS = 200
INTERVAL = {True: 5, False: 1}
"""Seconds between two checks of a container, by whether there are many."""
MARGIN = {True: 15, False: 3}
"""Seconds between the last start and the first good check, at least."""
SLOWEST = 0.020
"""Seconds from an event to a waiter's return, in the median."""
HEARTBEAT = 15.0
"""Seconds between two lists that nothing has asked for."""
FEW = 5
"""Containers that may be looked at one by one: what a list does not tell."""
LIMIT = 900.0
AT_ONCE = 8
ABOUT_ONE = "GET /(libpod/)?containers/[^/]+/json"
CHECKS = "GET /libpod/containers/.*/healthcheck"
"""On an engine that does not run its checks by itself the one who waits does; it is no polling, it is the check."""


def uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


class Waiters:
    """When each of those who wait has returned."""

    def __init__(self, runtime: ContainerRuntime) -> None:
        self._runtime = runtime
        self.returned: dict[str, float] = {}

    async def wait(self, container: str) -> None:
        await self._runtime.wait_all([container], WaitFor.HEALTHY, timeout=LIMIT)
        self.returned[container] = time.monotonic()


def checked(lab: Lab, number: int, healthy_at: float, interval: int) -> NodeConfig:
    """Describe a node that is healthy from a moment of the machine's uptime on."""
    script = f'[ "$(cut -d. -f1 /proc/uptime)" -ge {healthy_at:.0f} ]'
    check = HealthcheckConfig(test=("CMD-SHELL", script), interval=interval, retries=1000)
    return msgspec.structs.replace(lab.node(f"h{number}"), healthcheck=check)


async def start_all(lab: Lab, nodes: Sequence[NodeConfig], report: Report) -> None:
    """Start the containers, past the proxy."""
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def start(node: NodeConfig) -> None:
        async with limiter:
            await lab.start(node)
            report.progress(f"{node.short_name} started")

    async with anyio.create_task_group() as tasks:
        for node in nodes:
            tasks.start_soon(start, node)


def delays(returned: dict[str, float], lines: Sequence[Line]) -> list[float]:
    """Return the seconds from an event's passing to a waiter's return, in ascending order."""
    passed: dict[str, float] = {}
    for line in lines:
        name = re.search(rb'"name": ?"([^"]+)"', line.data)
        if name and re.search(rb"health_status: ?healthy|\"health_status\": ?\"healthy\"", line.data):
            passed.setdefault(name[1].decode(), line.at)
    return sorted(at - passed[name] for name, at in returned.items() if name in passed)


async def scenario(engine: Engine, report: Report) -> None:
    """Start them, wait for each by a waiter of its own, and count what was asked for."""
    count = report.scaled(CONTAINERS)
    async with open_lab(engine) as lab, open_proxy(engine.endpoint) as proxy:
        proxy.note_lines()
        begun = uptime()
        healthy_at = begun + await _time_to_start(lab) * count / 2 + MARGIN[report.is_large]
        nodes = [checked(lab, number, healthy_at, INTERVAL[report.is_large]) for number in range(count)]
        await start_all(lab, nodes, report)
        runtime = runtime_for(engine, proxy.endpoint)
        await runtime.init()
        waiters, before, since = Waiters(runtime), Counter(proxy.requests), time.monotonic()
        try:
            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as tasks:
                    for node in nodes:
                        tasks.start_soon(waiters.wait, node.long_name)
        finally:
            await runtime.aclose()
        _tell(report, proxy, proxy.requests - before, delays(waiters.returned, proxy.lines), time.monotonic() - since)
        report.check(len(waiters.returned) == count, f"only {len(waiters.returned)} have returned")


async def _time_to_start(lab: Lab) -> float:
    """Return the seconds that a container takes to start, now."""
    begun = time.monotonic()
    await lab.up("trial")
    return time.monotonic() - begun


def _tell(report: Report, proxy: Proxy, asked: Counter[str], took: Sequence[float], seconds: float) -> None:
    """Say what was asked for, and how long it took from an event to a return."""
    report.detail(str({name: times for name, times in asked.items() if not re.match(CHECKS, name)}))
    lists = sum(times for name, times in asked.items() if re.match("GET /(libpod/)?containers/json", name))
    ones = sum(times for name, times in asked.items() if re.match(ABOUT_ONE, name))
    report.figure(
        f"waited {seconds:.1f} s: {proxy.asked(EVENTS)} connection of events, {lists} lists, {ones} looks at one, "
        f"{proxy.asked(CHECKS)} checks run; {len(took)} waiters returned by an event, "
        f"{median(took or [-1]) * 1000:.1f} ms after it in the median, {max(took, default=-1) * 1000:.0f} ms at most"
    )
    report.check(proxy.asked(EVENTS) == 1, f"{proxy.asked(EVENTS)} connections of events")
    report.check(ones <= FEW, f"{ones} looks at one container")
    report.check(lists <= 2 + seconds / HEARTBEAT, f"{lists} lists")
    report.check(took, "nobody has returned after an event")
    report.check(not report.is_large or median(took) <= SLOWEST, f"{median(took):.3f} s from an event to a return")


def run(engine: Engine, report: Report) -> None:
    """Wait on asyncio."""
    anyio.run(scenario, engine, report)
