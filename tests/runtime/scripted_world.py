"""An engine with containers that change as the test says, and events that come, or don't, as it says."""

import json
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from clab_runtime import ContainerEvent, LogLine
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.docker import DockerDialect
from clab_runtime.runtime.events import EngineEvents
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.reading_logs import read_log
from clab_runtime.runtime.waits import Waits
from clab_runtime.stream import Stream
from clab_runtime.streams.event_hub import EventHub
from tests.engine.fake_engine import FakeEngine, Peer, Request, answer, chunk, chunked, fake_engine

STARTED = "2026-01-01T00:00:00Z"
NEVER = "0001-01-01T00:00:00Z"
_HEALTH = {"starting": "health: starting", "healthy": "healthy", "unhealthy": "unhealthy"}


@dataclass
class Container:
    """A container of the scripted engine."""

    name: str
    id: str
    status: str = "running"
    health: str = ""
    checked: bool = False
    exit_code: int = 0
    started_at: str = STARTED
    log: list[bytes] = field(default_factory=list[bytes])
    log_goes_on: anyio.Event | None = None
    ends: anyio.Event = field(default_factory=anyio.Event)

    def inspected(self) -> bytes:
        """Write an inspect."""
        health = {"Status": self.health, "FailingStreak": 3, "Log": [{"Output": "so sick"}]} if self.health else None
        running = self.status == "running"
        state = {"Status": self.status, "Running": running, "ExitCode": self.exit_code, "Health": health}
        config = {"Healthcheck": {"Test": ["CMD", "x"]} if self.checked else None, "Tty": True}
        state["StartedAt"] = self.started_at
        return json.dumps({"Id": self.id, "Name": f"/{self.name}", "State": state, "Config": config}).encode()

    def stamped(self) -> list[bytes]:
        """Write the lines of the log with their times."""
        return [b"2026-01-01T00:00:00.%09dZ %b" % (number, line) for number, line in enumerate(self.log)]

    def listed(self) -> dict[str, object]:
        """Write an item of a list."""
        words = f"Up 3 seconds ({_HEALTH[self.health]})" if self.health and self.status == "running" else self.status
        return {"Id": self.id, "Names": [f"/{self.name}"], "State": self.status, "Status": words}


class World:
    """What the test changes, and sees."""

    def __init__(self) -> None:
        self.containers: dict[str, Container] = {}
        self.listeners: list[Peer] = []
        self.refusal: bytes | None = None
        """What is answered to who wants to listen."""
        self.silent_until: anyio.Event | None = None
        """Lists are not answered before."""
        self.broken = False
        """Whether every connection is cut."""
        self.fake: FakeEngine
        self.waits: Waits

    def add(self, name: str, **state: object) -> Container:
        """Have a container."""
        made = Container(name, f"{len(self.containers):02x}{name}".ljust(64, "0"), **state)  # type: ignore[arg-type]
        self.containers[name] = made
        return made

    def healthy_in_time(self, count: int) -> list[str]:
        """Have containers whose health is not known yet."""
        return [self.add(f"r{number}", health="starting", checked=True).name for number in range(count)]

    async def tell(self, name: str, action: str, *, ago: float = 0, exit_code: str = "") -> None:
        """Send an event to whoever listens."""
        attributes = {"name": name, "exitCode": exit_code} if exit_code else {"name": name}
        actor = {"ID": self.containers[name].id, "Attributes": attributes}
        moment = time.time_ns() - int(ago * 1e9)
        event = json.dumps({"Type": "container", "Action": action, "Actor": actor, "timeNano": moment}).encode()
        for peer in self.listeners:
            await peer.send(chunk(event))

    async def change(self, name: str, action: str = "", *, told: str = "", **to: object) -> None:
        """Change a container, and tell of it if there is an action."""
        for key, value in to.items():
            setattr(self.containers[name], key, value)
        if action:
            await self.tell(name, action, exit_code=told)

    async def remove(self, name: str) -> None:
        """Remove a container, and tell of it."""
        await self.tell(name, "destroy")
        del self.containers[name]

    async def cut(self) -> None:
        """Cut all streams of events."""
        while self.listeners:
            await self.listeners.pop().hang_up()

    async def listening(self, count: int = 1) -> None:
        """Wait until somebody listens and nobody looks any more."""
        await self.until(lambda: len(self.listeners) == count)
        await self.settled()

    async def settled(self) -> None:
        """Wait until no more requests come."""
        seen = -1
        while seen != len(self.fake.requests):
            seen = len(self.fake.requests)
            await anyio.sleep(0.05)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so that nothing tells of."""
        with anyio.fail_after(20):
            while not condition():  # noqa: ASYNC110 - nothing tells
                await anyio.sleep(0.001)

    @property
    def asked(self) -> list[str]:
        """Which kinds of requests have come."""
        return [request.target.partition("?")[0].partition("/v1.41")[2] for request in self.fake.requests]

    def count(self, what: str) -> int:
        """Tell how many of them there were."""
        return sum(what in target for target in self.asked)

    async def __call__(self, peer: Peer, request: Request) -> None:
        """Answer."""
        path = request.target.partition("?")[0].partition("/v1.41")[2]
        if self.broken:
            await peer.hang_up()
        elif path == "/events":
            await self._listen(peer)
        elif path == "/containers/json":
            if self.silent_until is not None:
                await self.silent_until.wait()
            await peer.send(answer(json.dumps([each.listed() for each in self.containers.values()]).encode()))
        else:
            name, what = path.removeprefix("/containers/").split("/")
            await self._show(peer, name, what, request.target)

    async def _listen(self, peer: Peer) -> None:
        if self.refusal is not None:
            await peer.send(self.refusal)
            return
        await peer.send(chunked(end=False))
        self.listeners.append(peer)
        await peer.hung_up()
        if peer in self.listeners:
            self.listeners.remove(peer)

    async def _show(self, peer: Peer, name: str, what: str, target: str) -> None:
        found = self.find(name)
        if found is None:
            await peer.send(answer(b'{"message":"No such container: %b"}' % name.encode(), status="404 Not Found"))
        elif what == "wait":
            await found.ends.wait()
            await peer.send(answer(b'{"StatusCode":%d}' % found.exit_code))
        elif what == "json":
            await peer.send(answer(found.inspected()))
        else:
            await peer.send(chunked(*(found.stamped() if "timestamps=1" in target else found.log), end=False))
            if "follow=1" in target and found.log_goes_on is not None:
                await found.log_goes_on.wait()
            await peer.send(b"0\r\n\r\n")

    def find(self, name: str) -> Container | None:
        """Find a container by name, or the beginning of its id."""
        return next((each for each in self.containers.values() if name == each.name or each.id.startswith(name)), None)


@asynccontextmanager
async def world() -> AsyncGenerator[World]:
    """Run the engine, and have waits for it."""
    made, dialect = World(), DockerDialect()
    async with fake_engine(made) as made.fake, EngineClient(made.fake.endpoint, timeout=5) as client:
        hub = EventHub(EngineEvents(client, dialect))

        def read(name: str, follow: bool) -> Stream[LogLine]:  # noqa: FBT001 - a ReadLog
            wish = LogWish(follow=follow)
            return Stream(read_log(dialect.log(client, name, wish), wish, listen))

        def listen() -> Stream[ContainerEvent]:
            return hub.subscribe(lambda _: True)

        made.waits = Waits(client, dialect, listen, read)
        yield made
