"""Two hundred containers awaited until they are healthy: one connection of events, and hardly anything else.

Docker runs the checks itself. Podman leaves them to systemd, which the private engines do not have: the scenario runs
them in its place, past the proxy, and their interval is so long that the waiters do not.
"""

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import anyio
import msgspec
from anyio.lowlevel import checkpoint

from clab_runtime import ContainerRuntime, HealthcheckConfig, NodeConfig, WaitFor
from clab_runtime.runtime.wait_looks import FEW
from clab_runtime.runtime.waiting_room import HEARTBEAT
from tests.contract.another import another_runtime
from tests.contract.lab import Lab, open_directory, open_lab
from tests.engines import Engine
from tests.faults.proxy import EVENTS, Line, Proxy, open_proxy
from tests.faults.report import Report

CONTAINERS = 200
INTERVAL = {True: 30, False: 1}
"""Seconds between two checks of a container, by whether there are many, where the engine runs them: the default
for many, since each is an exec, and the waiters are to be measured, not this machine."""
NEVER = 3600
"""Seconds between two checks that the waiters would run."""
SETTLED = 0.5
"""Seconds after the list that all waiters have taken part in."""
SLOWEST = 0.020
"""Seconds from an event to a waiter's return, in the median."""
LIMIT = 900.0
AT_ONCE = 8
LISTS = "GET /(libpod/)?containers/json"
ABOUT_ONE = "GET /(libpod/)?containers/[^/]+/json"
CHECKS = "GET /libpod/containers/.*/healthcheck"


class Waiters:
    """When each of those who wait has returned."""

    def __init__(self, runtime: ContainerRuntime, lab: Lab, nodes: Sequence[NodeConfig]) -> None:
        self.lab = lab
        self.nodes = nodes
        self._runtime = runtime
        self.returned: dict[str, float] = {}

    async def wait(self, container: str) -> None:
        await self._runtime.wait_all([container], WaitFor.HEALTHY, timeout=LIMIT)
        self.returned[container] = time.monotonic()


def checked(lab: Lab, number: int, ready: Path, interval: int) -> NodeConfig:
    """Describe a node that is healthy once there is a file in a directory."""
    check = HealthcheckConfig(test=("CMD-SHELL", "test -e /ready/yes"), interval=interval, retries=1000)
    return msgspec.structs.replace(lab.node(f"h{number}"), healthcheck=check, binds=(f"{ready}:/ready",))


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


async def run_checks(lab: Lab, nodes: Sequence[NodeConfig], times: int = 1) -> None:
    """Run each container's check, as a timer of systemd would."""
    for node in nodes:
        for _ in range(times):
            await lab.client.libpod.containers.check_health(node.long_name)


def delays(returned: dict[str, float], lines: Sequence[Line]) -> list[float]:
    """Return the seconds from an event's passing to a waiter's return, in ascending order."""
    passed: dict[str, float] = {}
    for line in lines:
        name = re.search(rb'"name": ?"([^"]+)"', line.data)
        if name and re.search(rb'health_status: ?healthy|"HealthStatus": ?"healthy"', line.data):
            passed.setdefault(name[1].decode(), line.at)
    return sorted(at - passed[name] for name, at in returned.items() if passed.get(name, math.inf) <= at)


async def scenario(engine: Engine, report: Report) -> None:
    """Start them, wait for each by a waiter of its own, and count what was asked for until all are healthy."""
    count = report.scaled(CONTAINERS)
    with open_directory() as ready:
        async with open_lab(engine) as lab, open_proxy(engine.endpoint) as proxy:
            proxy.note_lines()
            interval = INTERVAL[report.is_large] if engine.kind == "docker" else NEVER
            nodes = [checked(lab, number, ready, interval) for number in range(count)]
            await start_all(lab, nodes, report)
            if engine.kind == "podman":
                await run_checks(lab, nodes)
            async with another_runtime(engine, endpoint=proxy.endpoint) as runtime:
                await measure(Waiters(runtime, lab, nodes), proxy, (ready / "yes").touch, report)


async def measure(waiters: "Waiters", proxy: Proxy, heal: Callable[[], None], report: Report) -> None:
    """Make all healthy once they are waited for."""
    before, since, count = Counter(proxy.requests), time.monotonic(), len(waiters.nodes)
    podman = waiters.lab.engine.kind == "podman"
    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            for node in waiters.nodes:
                tasks.start_soon(waiters.wait, node.long_name)
            while not _count(proxy.requests - before, LISTS):
                await checkpoint()
            await anyio.sleep(SETTLED)
            heal()
            if podman:
                await run_checks(waiters.lab, waiters.nodes, times=2)  # 4.3 tells what it was before the check
    took = delays(waiters.returned, proxy.lines)
    _tell(report, proxy.requests - before, took, time.monotonic() - since, count if podman else 0)
    report.check(len(took) == count, f"{len(waiters.returned)} have returned, {len(took)} of them after an event")


def _tell(report: Report, asked: Counter[str], took: Sequence[float], seconds: float, looks: int) -> None:
    """Say what was asked for, and how long it took from an event to a return.

    `looks`: how many containers may be looked at by themselves, since Podman's list does not tell of a check.
    """
    connections, lists, ones, checks = (_count(asked, what) for what in (EVENTS, LISTS, ABOUT_ONE, CHECKS))
    report.figure(
        f"waited {seconds:.1f} s: {connections} connection of events, {lists} lists, {ones} looks at one, "
        f"{checks} checks run; {len(took)} waiters returned by an event, "
        f"{median(took or [-1]) * 1000:.1f} ms after it in the median, {max(took, default=-1) * 1000:.0f} ms at most"
    )
    report.check(connections == 1, f"{connections} connections of events")
    report.check(asked.total() == connections + lists + ones + checks, f"something else was asked for: {asked}")
    heartbeats = math.ceil(seconds / HEARTBEAT)
    report.check(ones <= looks + FEW * heartbeats, f"{ones} looks at one container")
    report.check(lists <= 1 + heartbeats, f"{lists} lists")
    report.check(not report.is_large or median(took or [math.inf]) <= SLOWEST, "it took too long from event to return")


def _count(asked: Counter[str], what: str) -> int:
    return sum(times for name, times in asked.items() if re.match(what, name))


def run(engine: Engine, report: Report) -> None:
    """Wait on asyncio."""
    anyio.run(scenario, engine, report)
