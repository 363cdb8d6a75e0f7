"""Five thousand events through two hundred cuts and three restarts of the engine: each once, in order, or in a gap."""

import signal
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random

import anyio
import anyio.to_thread
from anyio.lowlevel import checkpoint

from clab_runtime import ContainerEvent, ContainerRuntime, EventAction, EventGap, EventStreamOptions, labels
from clab_runtime.models import GenericFilter
from tests.contract.another import behind_proxy
from tests.contract.lab import open_lab
from tests.engines import Engine, restart
from tests.faults.churn import LIFE, Churn, Span, Truth
from tests.faults.proxy import EVENTS, Proxy
from tests.faults.report import Report

TOTAL, CUTS, RESTARTS = 5000, 200, 3
BY = (signal.SIGTERM, signal.SIGKILL)
PATIENCE = 120.0
"""Seconds that the last event may take to come."""


@dataclass
class Listener:
    """A consumer who keeps a list of the containers by what it is told, and lists them anew after a gap."""

    runtime: ContainerRuntime
    lab: str
    events: list[ContainerEvent] = field(default_factory=list[ContainerEvent])
    gaps: list[EventGap] = field(default_factory=list[EventGap])
    present: set[str] = field(default_factory=set[str])

    async def listen(self, last: anyio.Event) -> None:
        """Take note of what happens until the last container is gone."""
        options = EventStreamOptions(labels={labels.CONTAINERLAB: self.lab}, give_up_after=PATIENCE)
        async with self.runtime.stream_events(options) as events:
            last.set()
            async for event in events:
                if isinstance(event, EventGap):
                    self.gaps.append(event)
                    await self._list_anew()
                else:
                    self._take(event)

    def _take(self, event: ContainerEvent) -> None:
        self.events.append(event)
        if event.action == EventAction.CREATE:
            self.present.add(event.actor_full_id)
        elif event.action == EventAction.DESTROY:
            self.present.discard(event.actor_full_id)

    async def _list_anew(self) -> None:
        found = await self.runtime.list_containers([GenericFilter("label", labels.CONTAINERLAB, "=", self.lab)])
        self.present = {container.id for container in found}


def problems(truth: Truth, events: Sequence[ContainerEvent], gaps: Sequence[EventGap]) -> tuple[list[str], int]:
    """Compare what was told with what has happened; return what does not fit, and how many events lie in gaps."""
    told: defaultdict[str, list[EventAction]] = defaultdict(list)
    for event in events:
        if event.action in LIFE:
            told[event.actor_full_id].append(EventAction(event.action))
    unknown = [Span(gap.since.timestamp(), gap.timestamp.timestamp()) for gap in gaps]
    found = [f"told of {container}, which is not ours" for container in told.keys() - truth.lives.keys()]
    lost = 0
    for container, life in truth.lives.items():
        actions = told[container]
        if actions != [action for action in LIFE if action in actions]:
            found.append(f"{container}: told {actions}")
        for action in life.keys() - actions:
            lost += 1
            if not any(span.meets(life[action]) for span in unknown):
                found.append(f"{container}: {action} is missing at {life[action]}, outside of all gaps")
    return found, lost


async def looked_for(condition: Callable[[], bool]) -> None:
    """Wait for what nothing tells of."""
    while not condition():  # noqa: ASYNC110 - it is about what nothing tells of
        await anyio.sleep(0.005)


def _are(truth: Truth, events: int, proxy: Proxy | None = None) -> bool:
    """Tell whether there are so many events, and a connection to cut."""
    return truth.events >= events and (proxy is None or bool(proxy.open(EVENTS)))


async def cut_now_and_then(proxy: Proxy, truth: Truth, cuts: int, total: int, report: Report) -> int:
    """Cut the connection of the events, evenly over all that happens, in the middle of an event or between two."""
    moments = Random(5)
    done = 0
    while done < cuts:
        await looked_for(partial(_are, truth, done * total // cuts, proxy))
        done += proxy.truncate(moments.randrange(1, 700), EVENTS) if moments.random() < 0.5 else proxy.cut(EVENTS)
        await checkpoint()
        report.progress(f"{truth.events} of {total} events, {done} cuts")
    return done


async def restart_now_and_then(engine: Engine, proxy: Proxy, churn: Churn, times: int, total: int) -> int:
    """Restart the engine, evenly over all that happens."""
    for number in range(times):
        await looked_for(partial(_are, churn.truth, (number + 1) * total // (times + 1)))
        async with churn.gate.closed(), proxy.away():
            await anyio.to_thread.run_sync(partial(restart, engine, by=BY[number % len(BY)]))
    return times


async def scenario(engine: Engine, report: Report, restarts: int = RESTARTS) -> None:
    """Let containers come and go, with all that gets in the way, and compare."""
    total, cuts = report.scaled(TOTAL), report.scaled(CUTS)
    async with open_lab(engine) as lab, behind_proxy(engine) as (proxy, runtime):
        churn = Churn(lab, total // len(LIFE))
        listener = Listener(runtime, lab.name)
        listening = anyio.Event()
        done: dict[str, int] = {}

        async def cut() -> None:
            done["cuts"] = await cut_now_and_then(proxy, churn.truth, cuts, total, report)

        async def go_away() -> None:
            done["restarts"] = await restart_now_and_then(engine, proxy, churn, restarts, total)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.listen, listening)
            await listening.wait()
            async with anyio.create_task_group() as happening:
                for what in (churn.run, cut, go_away):
                    happening.start_soon(what)
            await _until_told(listener, churn.truth)
            tasks.cancel_scope.cancel()
        found, lost = problems(churn.truth, listener.events, listener.gaps)
        report.figure(
            f"{churn.truth.events} events of {len(churn.truth.lives)} containers, {done['cuts']} cuts, "
            f"{done['restarts']} restarts: {len(listener.events)} told, {len(listener.gaps)} gaps with {lost} events "
            f"in them, {len(found)} wrong; {proxy.asked(EVENTS)} connections; "
            f"{churn.truth.events / report.elapsed:.1f} events a second"
        )
        for gap in listener.gaps:
            report.detail(f"gap of {(gap.timestamp - gap.since).total_seconds():.3f} s: {gap.reason}")
        report.check(not found, f"{len(found)} wrong: {found[:10]}")
        report.check(not listener.present, f"containers that are taken to be there: {listener.present}")


async def _until_told(listener: Listener, truth: Truth) -> None:
    """Wait until nothing is missing any more that may still come."""
    deadline = time.monotonic() + PATIENCE / 4
    while time.monotonic() < deadline:
        if not listener.present and not problems(truth, listener.events, listener.gaps)[0]:
            return
        await anyio.sleep(0.2)


def run(engine: Engine, report: Report) -> None:
    """Run it on asyncio: on trio as well it would take twice as long, and the hub's tests have that."""
    anyio.run(scenario, engine, report)
