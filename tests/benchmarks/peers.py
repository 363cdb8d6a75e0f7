"""aiodocker and docker-py, each as its own documentation uses it and at its best.

aiodocker: one `Docker` with its one session. Its log is read with `follow=True`, which for a container that has ended
is the same log, as lines come, and not as one list. docker-py: one `APIClient`, below the layer of `DockerClient`'s
objects, with a pool as large as there are threads (its default is ten), and lines as they come; the whole log as one
`bytes` would take half the CPU, and all of it in memory.

The packages are imported by name when a competitor is made: neither is there for the type checkers, and a process that
measures one of them does not have the other one loaded. What is used of them is typed here.
"""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

from tests.benchmarks.competitor import SETTLING_TIME, WARM_UP_CALLS
from tests.benchmarks.threads import in_threads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

    from tests.benchmarks.clock import Clock

_Event = dict[str, Any]
_FILTERS = {"type": ["container"]}


class _Message(Protocol):
    data: bytes


class _AiodockerOutput(Protocol):
    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> object: ...
    async def read_out(self) -> _Message | None: ...


class _AiodockerExec(Protocol):
    def start(self, *, detach: bool) -> _AiodockerOutput: ...
    async def inspect(self) -> dict[str, Any]: ...


class _AiodockerContainer(Protocol):
    async def show(self) -> dict[str, Any]: ...
    def log(self, *, stdout: bool, stderr: bool, follow: bool) -> AsyncIterator[str]: ...
    async def exec(self, cmd: list[str]) -> _AiodockerExec: ...


class _AiodockerContainers(Protocol):
    def container(self, container_id: str) -> _AiodockerContainer: ...


class _AiodockerSubscriber(Protocol):
    async def get(self) -> _Event | None: ...


class _AiodockerEvents(Protocol):
    def subscribe(self, *, filters: str) -> _AiodockerSubscriber: ...
    async def stop(self) -> None: ...


class _AiodockerClient(Protocol):
    containers: _AiodockerContainers
    events: _AiodockerEvents

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> object: ...


class Aiodocker:
    """aiodocker's jobs, on asyncio's own event loop."""

    def __init__(self) -> None:
        self._module = importlib.import_module("aiodocker")

    def inspect(self, clock: Clock, container: str, calls: int, at_once: int) -> None:
        asyncio.run(self._inspect(clock, container, calls, at_once))

    def logs(self, clock: Clock, container: str) -> tuple[int, int]:
        return asyncio.run(self._logs(clock, container))

    def events(self, clock: Clock, count: int) -> tuple[str, str]:
        return asyncio.run(self._events(clock, count))

    def execute(self, clock: Clock, container: str, calls: int) -> None:
        asyncio.run(self._execute(clock, container, calls))

    def _client(self) -> _AiodockerClient:
        return cast("_AiodockerClient", self._module.Docker())

    async def _inspect(self, clock: Clock, name: str, calls: int, at_once: int) -> None:
        async with self._client() as docker:
            container = docker.containers.container(name)

            async def some(number: int) -> None:
                for _ in range(number):
                    await container.show()

            async def all_at_once(number: int) -> None:
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(at_once):
                        tasks.create_task(some(number))

            await all_at_once(WARM_UP_CALLS)
            with clock:
                await all_at_once(calls)

    async def _logs(self, clock: Clock, name: str) -> tuple[int, int]:
        lines = size = 0
        async with self._client() as docker:
            container = docker.containers.container(name)
            await container.show()
            with clock:
                async for line in container.log(stdout=True, stderr=True, follow=True):
                    lines += 1
                    size += len(line)  # ASCII only
        return lines, size

    async def _events(self, clock: Clock, count: int) -> tuple[str, str]:
        events: list[_Event] = []
        async with self._client() as docker:
            subscriber = docker.events.subscribe(filters='{"type":["container"]}')
            await asyncio.sleep(SETTLING_TIME)
            with clock:
                while len(events) < count:
                    if (event := await subscriber.get()) is None:
                        raise RuntimeError("the events have ended")
                    events.append(event)
            await docker.events.stop()
        return _ends(events)

    async def _execute(self, clock: Clock, name: str, calls: int) -> None:
        async with self._client() as docker:
            container = docker.containers.container(name)
            await _execute_once(container)
            with clock:
                for _ in range(calls):
                    await _execute_once(container)


async def _execute_once(container: _AiodockerContainer) -> None:
    """Run `true` the way aiodocker's documentation shows."""
    execution = await container.exec(["true"])
    async with execution.start(detach=False) as output:
        while await output.read_out() is not None:
            pass
    _check_exit(await execution.inspect())


class _DockerEvents(Protocol):
    def __iter__(self) -> Iterator[_Event]: ...
    def close(self) -> None: ...


class _DockerClient(Protocol):
    def inspect_container(self, container: str) -> dict[str, Any]: ...
    def logs(self, container: str, *, stream: bool, follow: bool) -> Iterable[bytes]: ...
    def events(self, *, decode: bool, filters: dict[str, list[str]]) -> _DockerEvents: ...
    def exec_create(self, container: str, cmd: list[str]) -> dict[str, Any]: ...
    def exec_start(self, exec_id: str) -> bytes: ...
    def exec_inspect(self, exec_id: str) -> dict[str, Any]: ...
    def close(self) -> None: ...


class DockerPy:
    """docker-py's jobs, blocking."""

    def __init__(self) -> None:
        self._module = importlib.import_module("docker")

    def inspect(self, clock: Clock, container: str, calls: int, at_once: int) -> None:
        docker = self._client(at_once)

        def some(number: int) -> None:
            for _ in range(number):
                docker.inspect_container(container)

        in_threads(clock, some, calls, at_once)
        docker.close()

    def logs(self, clock: Clock, container: str) -> tuple[int, int]:
        docker = self._client()
        docker.inspect_container(container)
        lines = size = 0
        with clock:
            for line in docker.logs(container, stream=True, follow=False):
                lines += 1
                size += len(line)
        docker.close()
        return lines, size

    def events(self, clock: Clock, count: int) -> tuple[str, str]:
        events: list[_Event] = []
        docker = self._client()
        stream = docker.events(decode=True, filters=_FILTERS)
        time.sleep(SETTLING_TIME)
        with clock:
            for event in stream:
                events.append(event)
                if len(events) == count:
                    break
        stream.close()
        docker.close()
        return _ends(events)

    def execute(self, clock: Clock, container: str, calls: int) -> None:
        docker = self._client()

        def once() -> None:
            exec_id = docker.exec_create(container, ["true"])["Id"]
            docker.exec_start(exec_id)
            _check_exit(docker.exec_inspect(exec_id))

        once()
        with clock:
            for _ in range(calls):
                once()
        docker.close()

    def _client(self, connections: int = 1) -> _DockerClient:
        client = self._module.APIClient(
            base_url=os.environ["DOCKER_HOST"], version="auto", max_pool_size=max(connections, 10)
        )
        return cast("_DockerClient", client)


def _ends(events: list[_Event]) -> tuple[str, str]:
    """Return the exec ids that the first and the last event name."""
    return events[0]["Actor"]["Attributes"]["execID"], events[-1]["Actor"]["Attributes"]["execID"]


def _check_exit(execution: dict[str, Any]) -> None:
    if execution["ExitCode"] != 0:
        raise RuntimeError(f"true failed: {execution}")
