"""clab_runtime, through its public names, on asyncio's own event loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import anyio

from clab_runtime import ContainerEvent, ExecCmd, GenericFilter, open_runtime
from clab_runtime.engine import EngineClient
from tests.benchmarks.competitor import WARM_UP_CALLS
from tests.benchmarks.fixtures import LAB_LABEL
from tests.noting import noting

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.benchmarks.clock import Clock


class Raw:
    """The engine client alone: what lists through the runtime are measured by."""

    def list_lab(self, clock: Clock, lab: str, calls: int) -> tuple[int, int]:
        return asyncio.run(_list_raw(clock, lab, calls))


class Ours:
    """Inspect through the engine client, all else through the runtime."""

    def inspect(self, clock: Clock, container: str, calls: int, at_once: int) -> None:
        asyncio.run(_inspect(clock, container, calls, at_once))

    def logs(self, clock: Clock, container: str) -> tuple[int, int]:
        return asyncio.run(_logs(clock, container))

    def events(self, clock: Clock, count: int) -> tuple[str, str]:
        return asyncio.run(_events(clock, count))

    def list_lab(self, clock: Clock, lab: str, calls: int) -> tuple[int, int]:
        return asyncio.run(_list_lab(clock, lab, calls))

    def execute(self, clock: Clock, container: str, calls: int) -> None:
        asyncio.run(_execute(clock, container, calls))


async def _inspect(clock: Clock, container: str, calls: int, at_once: int) -> None:
    async with EngineClient() as engine:

        async def some(number: int) -> None:
            for _ in range(number):
                await engine.containers.inspect(container)

        async def all_at_once(number: int) -> None:
            async with anyio.create_task_group() as tasks:
                for _ in range(at_once):
                    tasks.start_soon(some, number)

        await all_at_once(WARM_UP_CALLS)
        with clock:
            await all_at_once(calls)


async def _logs(clock: Clock, container: str) -> tuple[int, int]:
    lines = size = 0
    async with open_runtime("docker") as runtime:
        with clock:
            async with runtime.stream_logs(container, follow=False) as stream:
                async for line in stream:
                    lines += 1
                    size += len(line.data) + 1
    return lines, size


async def _events(clock: Clock, count: int) -> tuple[str, str]:
    events: list[ContainerEvent] = []
    async with open_runtime("docker") as runtime, runtime.stream_events() as stream:
        with clock:
            async for event in stream:
                events.append(event)
                if len(events) == count:
                    break
    return events[0].attributes["execID"], events[-1].attributes["execID"]


async def _list_lab(clock: Clock, lab: str, calls: int) -> tuple[int, int]:
    filters = [GenericFilter("label", LAB_LABEL, "=", lab)]
    async with open_runtime("docker") as runtime:
        return await _measured(clock, lambda: runtime.list_containers(filters), calls)


async def _list_raw(clock: Clock, lab: str, calls: int) -> tuple[int, int]:
    async with EngineClient() as engine:

        async def once() -> Sequence[object]:
            found = await engine.containers.list(filters={"label": [f"{LAB_LABEL}={lab}"]})
            async with anyio.create_task_group() as tasks:
                for container in found:
                    if container.state == "running":
                        tasks.start_soon(engine.containers.inspect, container.id)
            return found

        return await _measured(clock, once, calls)


async def _measured(clock: Clock, once: Callable[[], Awaitable[Sequence[object]]], calls: int) -> tuple[int, int]:
    """List once, with its requests counted, and then `calls` times by the clock."""
    requests: list[str] = []
    await once()
    with noting(requests.append):
        found = await once()
    with clock:
        for _ in range(calls):
            await once()
    return len(found), len(requests)


async def _execute(clock: Clock, container: str, calls: int) -> None:
    async with open_runtime("docker") as runtime:
        await runtime.exec(container, ExecCmd("true"))
        with clock:
            for _ in range(calls):
                if not (await runtime.exec(container, ExecCmd("true"))).ok:
                    raise RuntimeError("true failed")
