"""Two hundred containers awaited until they are healthy: one connection of events, and hardly anything else.

Docker runs the checks itself. Podman leaves them to systemd, which the private engines do not have: the scenario runs
them in its place, past the proxy, and their interval is so long that the waiters do not.
"""

import math
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
from tests.faults.proxy import EVENTS, Line, open_proxy
from tests.faults.report import Report

CONTAINERS = 200
INTERVAL = {True: 5, False: 1}
"""Seconds between two checks of a container, by whether there are many, where the engine runs them."""
NEVER = 3600
"""Seconds between two checks that the waiters would run."""
MARGIN = {True: 15, False: 3}
"""Seconds between the last start and the first good check, at least."""
SLOWEST = 0.020
"""Seconds from an event to a waiter's return, in the median."""
HEARTBEAT = 15.0
"""Seconds between two lists that nothing has asked for."""
LOOKS = {"docker": 0, "podman": 1}
"""How often a container may be looked at by itself: Podman's list does not tell of a check."""
LIMIT = 900.0
AT_ONCE = 8
LISTS = "GET /(libpod/)?containers/json"
ABOUT_ONE = "GET /(libpod/)?containers/[^/]+/json"
CHECKS = "GET /libpod/containers/.*/healthcheck"


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


async def run_checks(lab: Lab, nodes: Sequence[NodeConfig]) -> None:
    """Run each container's check once, as a timer of systemd would."""
    for node in nodes:
        await lab.client.libpod.containers.check_health(node.long_name)


def delays(returned: dict[str, float], lines: Sequence[Line]) -> list[float]:
    """Return the seconds from an event's passing to a waiter's return, in ascending order."""
    passed: dict[str, float] = {}
    for line in lines:
        name = re.search(rb'"name": ?"([^"]+)"', line.data)
        if name and re.search(rb'health_status: ?healthy|"HealthStatus": ?"healthy"', line.data):
            passed.setdefault(name[1].decode(), line.at)
    return sorted(at - passed[name] for name, at in returned.items() if name in passed)


async def scenario(engine: Engine, report: Report) -> None:
    """Start them, wait for each by a waiter of its own, and count what was asked for."""
    count = report.scaled(CONTAINERS)
    async with open_lab(engine) as lab, open_proxy(engine.endpoint) as proxy:
        proxy.note_lines()
        begun = uptime()
        healthy_at = begun + await _time_to_start(lab) * count / 2 + MARGIN[report.is_large]
        interval = INTERVAL[report.is_large] if engine.kind == "docker" else NEVER
        nodes = [checked(lab, number, healthy_at, interval) for number in range(count)]
        await start_all(lab, nodes, report)
        if engine.kind == "podman":
            await run_checks(lab, nodes)
        runtime = runtime_for(engine, proxy.endpoint)
        await runtime.init()
        waiters, before, since = Waiters(runtime), Counter(proxy.requests), time.monotonic()
        try:
            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as tasks:
                    for node in nodes:
                        tasks.start_soon(waiters.wait, node.long_name)
                    if engine.kind == "podman":  # 4.3 tells in an event what it was before the check
                        await anyio.sleep(healthy_at - uptime() + 1)
                        await run_checks(lab, nodes)
                        await run_checks(lab, nodes)
        finally:
            await runtime.aclose()
        took, looks = delays(waiters.returned, proxy.lines), LOOKS[engine.kind] * count
        _tell(report, proxy.requests - before, took, time.monotonic() - since, looks)
        report.check(len(took) == count, f"{len(waiters.returned)} have returned, {len(took)} of them after an event")


async def _time_to_start(lab: Lab) -> float:
    """Return the seconds that a container takes to start, now."""
    begun = time.monotonic()
    await lab.up("trial")
    return time.monotonic() - begun


def _tell(report: Report, asked: Counter[str], took: Sequence[float], seconds: float, looks: int) -> None:
    """Say what was asked for, and how long it took from an event to a return."""
    connections, lists, ones, checks = (_count(asked, what) for what in (EVENTS, LISTS, ABOUT_ONE, CHECKS))
    report.figure(
        f"waited {seconds:.1f} s: {connections} connection of events, {lists} lists, {ones} looks at one, "
        f"{checks} checks run; {len(took)} waiters returned by an event, "
        f"{median(took or [-1]) * 1000:.1f} ms after it in the median, {max(took, default=-1) * 1000:.0f} ms at most"
    )
    report.check(connections == 1, f"{connections} connections of events")
    report.check(asked.total() == connections + lists + ones + checks, f"something else was asked for: {asked}")
    report.check(ones <= looks, f"{ones} looks at one container")
    report.check(lists <= 2 + seconds / HEARTBEAT, f"{lists} lists")
    report.check(not report.is_large or median(took or [math.inf]) <= SLOWEST, "it took too long from event to return")


def _count(asked: Counter[str], what: str) -> int:
    return sum(times for name, times in asked.items() if re.match(what, name))


def run(engine: Engine, report: Report) -> None:
    """Wait on asyncio."""
    anyio.run(scenario, engine, report)
