"""Containers that come and go, and what is known of them for certain: by the calls that succeeded, not by any stream.

Every container is created, started, left to end by itself, and removed. A call is never under way while the engine is
stopped, so that each has surely had its effect; the containers are in the middle of their lives then.
"""

import math
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from clab_runtime import EventAction, labels
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from tests.contract.lab import IMAGE, Lab

LIFE = (EventAction.CREATE, EventAction.START, EventAction.DIE, EventAction.DESTROY)
"""What happens to each container, in order."""
AT_ONCE = {"docker": 8, "podman": 4}


@dataclass(frozen=True, slots=True)
class Span:
    """A span of the engine's clock, which is this machine's, in seconds."""

    begun: float
    ended: float

    def meets(self, other: "Span") -> bool:
        return self.begun <= other.ended and other.begun <= self.ended


@dataclass
class Truth:
    """What has happened, and when at the earliest and at the latest."""

    lives: dict[str, dict[EventAction, Span]] = field(default_factory=dict[str, dict[EventAction, Span]])

    def note(self, container: str, action: EventAction, begun: float) -> None:
        self.lives.setdefault(container, {})[action] = Span(begun, time.time())

    @property
    def events(self) -> int:
        return sum(map(len, self.lives.values()))


class Gate:
    """Lets steps through one beside the other; who closes it waits until none is under way."""

    def __init__(self) -> None:
        self._open = anyio.Event()
        self._open.set()
        self._inside = 0
        self._empty = anyio.Event()

    @asynccontextmanager
    async def step(self) -> AsyncGenerator[None]:
        await self._open.wait()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            self._empty.set()

    @asynccontextmanager
    async def closed(self) -> AsyncGenerator[None]:
        closed, self._open = self._open, anyio.Event()
        assert closed.is_set()
        try:
            while self._inside:
                self._empty = anyio.Event()
                await self._empty.wait()
            yield
        finally:
            self._open.set()


class Churn:
    """Makes containers come and go in a lab, past the runtime under test."""

    def __init__(self, lab: Lab, lives: int, *, command: str = "true") -> None:
        self.truth = Truth()
        self.gate = Gate()
        self._lab = lab
        self._left = iter(range(lives))
        self._command = command

    async def run(self, until: float = math.inf) -> None:
        """Let all containers live, or those begun before a moment of the event loop's clock."""
        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE[self._lab.engine.kind]):
                tasks.start_soon(self._work, until)

    async def _work(self, until: float) -> None:
        while anyio.current_time() < until and (number := next(self._left, None)) is not None:
            await self._live(labels.container_name(self._lab.name, f"c{number}"))

    async def _live(self, name: str) -> None:
        """Let one container live."""
        truth, client = self.truth, self._lab.client
        request = schema.ContainerCreate(
            image=IMAGE,
            cmd=("sh", "-c", self._command),
            labels={labels.CONTAINERLAB: self._lab.name},
            host_config=schema.HostConfig(network_mode="none"),
        )
        async with self.gate.step():
            begun = time.time()
            container = (await client.containers.create(name, request)).id
            truth.note(container, EventAction.CREATE, begun)
        async with self.gate.step():
            started = time.time()
            await client.containers.start(container)
            truth.note(container, EventAction.START, started)
        await self._wait(client, container)
        truth.note(container, EventAction.DIE, started)
        async with self.gate.step():
            begun = time.time()
            await self._lab.remove(container)
            truth.note(container, EventAction.DESTROY, begun)

    async def _wait(self, client: EngineClient, container: str) -> None:
        """Wait until a container has ended, by looking: a wait would be under way while the engine is stopped."""
        while True:
            async with self.gate.step():
                if (await client.containers.inspect(container)).state.status not in {"running", "created"}:
                    return
            await anyio.sleep(0.05)
