"""A hundred short runs of churn under cuts, each with its seed: `watch` ends with what a list has."""

from collections.abc import Mapping
from random import Random

import anyio

from clab_runtime import (
    ChangeKind,
    ConflictError,
    ContainerChange,
    ContainerRuntime,
    EngineInternalError,
    GenericContainer,
    GenericFilter,
    NotFoundError,
    labels,
)
from tests.contract.another import behind_proxy
from tests.contract.lab import Lab, open_lab
from tests.engines import Engine
from tests.faults.proxy import EVENTS, Proxy
from tests.faults.report import Report

RUNS = 100
NODES, STEPS, HANDS = 5, 12, 2
"""Containers of a run, what each hand does with them, and how many hands there are."""
LIMIT = 90.0
"""Seconds after which a run must have settled."""
QUIET = 0.3
"""Seconds without a change after which it is held against a list."""


class Follower:
    """What one has who applies the changes."""

    def __init__(self, runtime: ContainerRuntime, filters: list[GenericFilter]) -> None:
        self.runtime = runtime
        self.filters = filters
        self.changes = runtime.watch(filters)
        self.containers: dict[str, GenericContainer] = {}
        self.gaps = 0

    async def apply(self) -> ContainerChange:
        """Apply the next change; raise for one that makes no sense."""
        change = await anext(self.changes)
        self.gaps += change.kind is ChangeKind.GAP
        if container := change.container:
            if (change.kind is ChangeKind.ADDED) is (container.id in self.containers):
                raise AssertionError(f"{change.kind} of {container.names}")
            self.containers[container.id] = container
            if change.kind is ChangeKind.REMOVED:
                del self.containers[container.id]
        return change

    async def until_it_is_as_listed(self) -> bool:
        """Apply what comes until nothing does and all is as a list has it."""
        with anyio.move_on_after(LIMIT):
            while True:
                with anyio.move_on_after(QUIET) as waited:
                    await self.apply()
                if waited.cancelled_caught and await self.is_as_listed():
                    return True
        return False

    async def is_as_listed(self) -> bool:
        """Compare, without what a container's age makes of its status."""
        listed = await self.runtime.list_containers(self.filters)
        return {item.id: _lasting(item) for item in listed} == {
            key: _lasting(item) for key, item in self.containers.items()
        }


def _lasting(container: GenericContainer) -> Mapping[str, object]:
    return {"names": container.names, "state": container.state, "pid": container.pid, "labels": container.labels}


async def hand(lab: Lab, moments: Random) -> None:
    """Have something happen to one container or another."""
    client = lab.client.containers
    for _ in range(STEPS):
        node = lab.node(f"n{moments.randrange(NODES)}", moments.choice(("true", "sleep 100000")))
        name = node.long_name
        act = moments.choice(("create", "create", "start", "start", "kill", "pause", "unpause", "remove"))
        try:
            if act == "create":
                await lab.runtime.create_container(node)
            elif act == "remove":
                await lab.remove(name)
            else:
                await getattr(client, act)(name)
        except (NotFoundError, ConflictError, EngineInternalError):
            pass  # there is none, or it is not in the state for that
        except TimeoutError:
            pass  # where cgroups are v1, Podman waits in vain for the end of a paused one that it kills, and locks it
        await anyio.sleep(moments.uniform(0, 0.05))


async def cut(proxy: Proxy, moments: Random) -> None:
    """Cut the connection of the events now and then."""
    while True:
        await anyio.sleep(moments.uniform(0.02, 0.3))
        if moments.random() < 0.5:
            proxy.cut(EVENTS)
        else:
            proxy.truncate(moments.randrange(1, 500), EVENTS)


async def one_run(lab: Lab, proxy: Proxy, runtime: ContainerRuntime, seed: int) -> tuple[bool, int]:
    """Have one run; tell whether it has ended as listed, and how many gaps there were."""
    follower = Follower(runtime, [GenericFilter("label", labels.CONTAINERLAB, "=", lab.name)])
    async with follower.changes:
        async with anyio.create_task_group() as cutting:
            cutting.start_soon(cut, proxy, Random(seed))
            async with anyio.create_task_group() as happening:
                for number in range(HANDS):
                    happening.start_soon(hand, lab, Random(seed * HANDS + number))
            cutting.cancel_scope.cancel()
        return await follower.until_it_is_as_listed(), follower.gaps


async def scenario(engine: Engine, report: Report) -> None:
    """Have all runs, one after the other, with what the last one has left."""
    runs, good, gaps = report.scaled(RUNS), 0, 0
    async with open_lab(engine) as lab, behind_proxy(engine) as (proxy, runtime):
        for seed in range(runs):
            as_listed, more = await one_run(lab, proxy, runtime, seed)
            good, gaps = good + as_listed, gaps + more
            report.check(as_listed, f"the run of seed {seed} does not end as listed")
            report.progress(f"{seed + 1} runs")
        report.figure(
            f"{good} of {runs} runs end as listed, through {proxy.asked(EVENTS) - runs} more connections, {gaps} gaps"
        )


def run(engine: Engine, report: Report) -> None:
    """Watch on asyncio."""
    anyio.run(scenario, engine, report)
