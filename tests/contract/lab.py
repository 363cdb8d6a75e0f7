"""A lab of its own for each test on a real engine: what the test makes in it is gone when the test ends."""

import asyncio
import secrets
import shlex
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
import msgspec
import pytest
from anyio.abc import ByteStream, SocketStream

from clab_runtime import (
    ConflictError,
    ContainerRuntime,
    EndpointlessNode,
    HealthcheckConfig,
    LogLine,
    MgmtNet,
    NodeConfig,
    NotFoundError,
    RuntimeConfig,
    StartedContainer,
    Stream,
    labels,
    with_config,
    with_mgmt_net,
)
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.unix import connect_unix
from clab_runtime.host import netns
from clab_runtime.runtime import podman_removal, removal
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.podman import PodmanRuntime
from tests.engines import Engine
from tests.engines.specs import Kind

IMAGE = "busybox"
FOREVER = "sleep 100000"
"""A command that goes on, whatever signal but KILL it gets: it is the container's first process."""
POLITE = "sh -c 'trap \"exit 3\" TERM; echo ready; while :; do sleep 1000 & wait $!; done'"
"""A command that ends with 3 when it is asked to, once it has said that it is ready."""

MOST_ROUNDS = 3
"""How often all containers are removed: Podman keeps one whose namespaces another one shares."""

LIMIT = 20.0
"""Seconds that what a test waits for may take."""


_RUNTIMES: dict[Kind, Callable[[str], ContainerRuntime]] = {"docker": DockerRuntime, "podman": PodmanRuntime}
_REMOVALS = {"docker": removal.remove, "podman": podman_removal.remove}


class Lab:
    """A runtime, a client beside it, and the names that belong to one test."""

    def __init__(self, engine: Engine, client: EngineClient, name: str) -> None:
        self.engine = engine
        self.runtime = runtime_for(engine)
        self.client = client
        self.name = name

    def node(
        self,
        short_name: str = "r1",
        cmd: str = FOREVER,
        *,
        network_mode: str = "none",
        more_labels: Mapping[str, str] | None = None,
        auto_remove: bool = False,
    ) -> NodeConfig:
        """Describe a node of this lab; without a network, since that starts faster."""
        return NodeConfig(
            short_name=short_name,
            long_name=labels.container_name(self.name, short_name),
            image=IMAGE,
            cmd=cmd,
            network_mode=network_mode,
            labels={labels.CONTAINERLAB: self.name, **(more_labels or {})},
            auto_remove=auto_remove,
        )

    def checked(self, node: NodeConfig, script: str = "sleep 100000", retries: int = 1) -> NodeConfig:
        """Have a node's health checked all the time."""
        check = HealthcheckConfig(test=("CMD-SHELL", script), interval=1, retries=retries)
        return msgspec.structs.replace(node, healthcheck=check)

    async def start(self, node: NodeConfig) -> StartedContainer:
        """Create a node's container and start it."""
        await self.runtime.create_container(node)
        return await self.runtime.start_container(node.long_name, EndpointlessNode(node))

    async def up(self, short_name: str = "r1", cmd: str = FOREVER) -> str:
        """Have a node that runs, and return its container's name."""
        node = self.node(short_name, cmd)
        await self.start(node)
        return node.long_name

    async def plain(self, script: str, name: str = "", *, log_driver: str = "", restart: str = "") -> str:
        """Run a shell script in a container that the runtime itself never makes: without a TTY, by any name."""
        name = name or labels.container_name(self.name, "plain")
        log_config = schema.LogDriver(type=log_driver) if log_driver else None
        request = schema.ContainerCreate(
            image=IMAGE,
            open_stdin=True,
            cmd=("sh", "-c", script),
            labels={labels.CONTAINERLAB: self.name},
            host_config=schema.HostConfig(
                network_mode="none",
                log_config=log_config,
                restart_policy=schema.RestartPolicy(name=restart) if restart else None,
            ),
        )
        await self.client.containers.create(name, request)
        await self.client.containers.start(name)
        return name

    async def run_script(self, script: str, *, tty: bool, short_name: str = "r1") -> str:
        """Have a shell script run, in a node or else without a terminal, and return the container's name."""
        return await (self.up(short_name, f"sh -c {shlex.quote(script)}") if tty else self.plain(script))

    async def ended(self, script: str, *, tty: bool) -> str:
        """Run a shell script to its end, and return the container's name."""
        name = await self.run_script(script, tty=tty)
        await self.client.containers.wait(name)
        return name

    async def polite(self, short_name: str = "r1") -> str:
        """Have a node that ends with 3 when it is asked to."""
        name = await self.up(short_name, POLITE)
        async with self.runtime.stream_logs(name) as log:
            assert (await within(log.__anext__)).data == b"ready"
        return name

    async def until_said(self, container: str, words: bytes) -> None:
        """Wait until a line of a container's output has these words."""
        async with self.runtime.stream_logs(container) as log:
            with anyio.fail_after(LIMIT):
                while words not in (await anext(log)).data:
                    pass

    async def names(self) -> set[str]:
        """Ask, past the code under test, which containers there are."""
        found = await self.client.containers.list(filters={"label": [f"{labels.CONTAINERLAB}={self.name}"]})
        return {name.removeprefix("/") for container in found for name in container.names or ()}

    async def clean(self) -> None:
        """Remove all that is left."""
        for _ in range(MOST_ROUNDS):
            async with anyio.create_task_group() as tasks:
                for name in await self.names():
                    tasks.start_soon(self.remove, name)
        for network in await self.client.networks.list():
            if network.name.startswith(self.name):
                await self.client.networks.remove(network.id)
        for volume in await self.client.volumes.list():
            if volume.name.startswith(self.name):
                await self.client.volumes.remove(volume.name)

    async def remove(self, container: str) -> None:
        """Remove a container at once, past the code under test's runtime, if it is there."""
        remove = _REMOVALS[self.engine.kind]
        with suppress(NotFoundError, ConflictError):  # the engine itself may be removing it, or Podman keeps it for now
            await remove(self.client, container, LIMIT)

    def unlink(self) -> None:
        """Remove the links of containers that were removed past the code under test."""
        for link in netns.DIRECTORY.glob(labels.container_name(self.name, "*")):
            link.unlink()


@asynccontextmanager
async def open_lab(engine: Engine, *, config: RuntimeConfig | None = None, name: str = "") -> AsyncGenerator[Lab]:
    """Open a lab on an engine; without a name it gets one of its own."""
    name = name or f"t{secrets.token_hex(3)}"
    async with EngineClient(engine.endpoint) as client:
        lab = Lab(engine, client, name)
        try:
            await lab.runtime.init(with_config(config or RuntimeConfig()), with_mgmt_net(mgmt_net(name)))
            yield lab
        finally:
            with anyio.CancelScope(shield=True):
                try:
                    await lab.clean()
                finally:
                    lab.unlink()
                    await lab.runtime.aclose()


@contextmanager
def open_directory() -> Generator[Path]:
    """Make a directory that is open to the ordinary user of a rootless engine as well, unlike pytest's."""
    with TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def runtime_for(engine: Engine, endpoint: str = "") -> ContainerRuntime:
    """Make the runtime of an engine's kind, not initialised; `endpoint` is another way to it."""
    return _RUNTIMES[engine.kind](endpoint or engine.endpoint)


@pytest.fixture
async def lab(engine: Engine) -> AsyncGenerator[Lab]:
    """A lab on each engine."""
    async with open_lab(engine) as lab:
        yield lab


def mgmt_net(network: str) -> MgmtNet:
    """Describe a management network of a lab that no other lab's is in the way of."""
    third = secrets.randbelow(250)
    return MgmtNet(network=network, ipv4_subnet=f"172.31.{third}.0/24", mtu=1500)


async def within(call: Callable[[], Awaitable[Any]], seconds: float = LIMIT) -> Any:  # noqa: ANN401 - the call's own
    """Wait for a call, but not for ever."""
    with anyio.fail_after(seconds):
        return await call()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look until a condition holds that nothing tells of."""
    with anyio.fail_after(LIMIT):
        while not await condition():  # noqa: ASYNC110 - it is about what nothing tells of
            await anyio.sleep(0.02)


async def lines_of(stream: Stream[LogLine]) -> list[LogLine]:
    """Read a log to its end."""
    with anyio.fail_after(LIMIT):
        async with stream as log:
            return [line async for line in log]


def on_asyncio() -> bool:
    """Tell which event loop this is."""
    return anyio.get_cancelled_exc_class() is asyncio.CancelledError


async def cancelled(
    call: Callable[[], Awaitable[object]], when: Callable[[], Awaitable[object]], *, natively: bool = False
) -> bool:
    """Make a call, cancel it once `when` is over, and wait for its end; tell whether it came to that.

    Natively: by asyncio's own `Task.cancel()`; trio has only scopes.
    """
    ended: list[object] = []

    async def run() -> None:
        ended.append(await call())

    if natively and on_asyncio():
        task = asyncio.create_task(run())
        await when()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled():
            task.result()
    else:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await when()
            tasks.cancel_scope.cancel()
    return not ended


@asynccontextmanager
async def over_tcp(engine: Engine) -> AsyncGenerator[str]:
    """Make an engine reachable over TCP."""

    async def forward(source: ByteStream, target: ByteStream) -> None:
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            async for data in source:
                await target.send(data)
            await target.send_eof()

    async def serve(outside: SocketStream) -> None:
        async with outside, await connect_unix(str(engine.socket)) as inside, anyio.create_task_group() as both:
            both.start_soon(forward, outside, inside)
            both.start_soon(forward, inside, outside)

    async with await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, serve)
            yield f"tcp://127.0.0.1:{port}"
            tasks.cancel_scope.cancel()
