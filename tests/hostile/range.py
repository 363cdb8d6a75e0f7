"""Where hostile cases are tried: a lab on a real engine through the public names alone, and what is counted there."""

import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

import anyio

from clab_runtime import (
    ChangeKind,
    ContainerRuntime,
    ContainerStatus,
    EndpointlessNode,
    ExecCmd,
    GenericFilter,
    MgmtNet,
    NodeConfig,
    WaitFor,
    labels,
    open_runtime,
    wait_for_container_running,
)

asked: ContextVar[list[str]] = ContextVar("asked")
"""What the case at hand has asked the engine for."""

IMAGE = "busybox"
FOREVER = "sleep 100000"


class Range:
    """A runtime, a container that runs, and helpers that take values of any type."""

    def __init__(self, kind: str, runtime: ContainerRuntime, lab: str) -> None:
        self.kind = kind
        self.runtime = runtime
        self.target = labels.container_name(lab, "target")
        self.lab = lab

    async def create(self, **words: Any) -> str:  # noqa: ANN401 - the types are what is wrong
        """Create a container, and remove it when that was not refused."""
        created = await self.runtime.create_container(self._node(words))
        await self.runtime.delete_container(created)
        return created

    async def up(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Create and start a container, and remove it in any case."""
        node = self._node(words)
        created = await self.runtime.create_container(node)
        try:
            await self.runtime.start_container(created, EndpointlessNode(node))
        finally:
            await self.runtime.delete_container(created)

    def _node(self, words: Mapping[str, Any]) -> NodeConfig:
        name = labels.container_name(self.lab, secrets.token_hex(4))
        fields: dict[str, Any] = {**self.usual(), "long_name": name, "network_mode": "none", **words}
        return NodeConfig(**fields)

    def usual(self) -> dict[str, Any]:
        """Tell what all containers here have."""
        return {"short_name": "r1", "image": IMAGE, "cmd": FOREVER, "labels": {labels.CONTAINERLAB: self.lab}}

    async def open(self, name: Any = None, **settings: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Open another runtime, of the same kind where it is about its settings."""
        async with open_runtime(self.kind if settings else name, **settings):
            pass

    async def open_with_mgmt(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Open another runtime with a management network of its own."""
        await self.open(mgmt=MgmtNet(**words))

    async def create_net(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Create a network of its own, and remove it when that was not refused."""
        mgmt = MgmtNet(network=f"{self.lab}-{secrets.token_hex(4)}", **words)
        async with open_runtime(self.kind, mgmt=mgmt) as runtime:
            asked.get().clear()  # what a runtime asks for when it is opened is no part of the case
            await runtime.create_net()
            await runtime.delete_net()

    async def pull(self, *words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Read a pull's progress."""
        async with self.runtime.stream_pull(*words) as progress:
            async for _ in progress:
                pass

    async def log(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Read the target's log."""
        async with self.runtime.stream_logs(self.target, **words) as log:
            async for _ in log:
                pass

    async def merge(self, containers: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Read the logs of containers."""
        async with self.runtime.merge_logs(containers) as log:
            async for _ in log:
                pass

    async def waits(self, **words: Any) -> object:  # noqa: ANN401 - the types are what is wrong
        """Wait for the target."""
        return await self.runtime.wait_all([self.target], WaitFor.RUNNING, **words)

    async def listen(self, options: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Listen to events."""
        async with self.runtime.stream_events(options):
            pass

    async def watch(self, filters: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Watch containers."""
        async with self.runtime.watch(filters):
            pass

    async def measure(self, containers: Any, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Measure containers."""
        async with self.runtime.stream_stats(containers, **words):
            pass

    async def exec_session(self, command: Any, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Run a command in a session, to its end."""
        async with self.runtime.open_exec(self.target, command, **words) as session:
            async for _ in session:
                pass

    async def open_session(self, method: str, container: Any, *words: Any) -> None:  # noqa: ANN401 - the same
        """Open a session with any container."""
        async with getattr(self.runtime, method)(container, *words):
            pass

    async def attach(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Attach to the target."""
        async with self.runtime.attach(self.target, **words):
            pass

    async def send(self, data: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Send to a command."""
        async with self.runtime.open_exec(self.target, ExecCmd("cat")) as session:
            asked.get().clear()  # opening the session is no part of the case, nor is leaving it
            try:
                await session.send(data)
            finally:
                before = list(asked.get())
                await session.aclose()
                asked.get()[:] = before

    async def make(self, what: Callable[..., object], *words: Any, **more: Any) -> object:  # noqa: ANN401 - the types
        """Call what is not awaited."""
        return what(*words, **more)

    async def fails(self, command: ExecCmd) -> None:
        """Run a command that there is no program for, and get a shell's codes for that."""
        assert (await self.runtime.exec(self.target, command)).exit_code in {126, 127}

    async def echoes(self, word: str) -> None:
        """Run an `echo`, which has to print its argument as it is."""
        result = await self.runtime.exec(self.target, ExecCmd(["echo", word]))
        assert (result.exit_code, result.stdout, result.stderr) == (0, word.encode() + b"\n", b"")

    async def wait(self, **seconds: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Wait for the target."""
        await wait_for_container_running(self.runtime, self.target, "r1", **seconds)

    async def knows_none(self, name: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Ask for the status of a container that there is not."""
        assert await self.runtime.get_container_status(name) is ContainerStatus.NOT_FOUND

    async def finds_none(self, filter_type: str, field: str = "", operator: str = "", match: str = "") -> None:
        """List by a filter that nothing passes."""
        assert not await self.runtime.list_containers([GenericFilter(filter_type, field, operator, match)])

    async def watches_none(self, filter_type: str, field: str = "", operator: str = "", match: str = "") -> None:
        """Watch by a filter that nothing passes."""
        async with self.runtime.watch([GenericFilter(filter_type, field, operator, match)]) as changes:
            assert (await anext(changes)).kind is ChangeKind.SYNCED

    async def strangers(self) -> list[str]:
        """Name the lab's containers that ought to be gone."""
        found = await self.runtime.list_containers([GenericFilter("label", labels.CONTAINERLAB, "=", self.lab)])
        return [name for container in found for name in container.names if name != self.target]


@asynccontextmanager
async def open_range(kind: str) -> AsyncGenerator[Range]:
    """Open a lab on the engine that the environment names, with a network and a container that runs."""
    lab = f"h{secrets.token_hex(3)}"
    mgmt = MgmtNet(network=lab, ipv4_subnet="172.31.250.0/24", ipv6_subnet="3fff:172:31:250::/64")
    async with open_runtime(kind, mgmt=mgmt) as runtime:
        at = Range(kind, runtime, lab)
        try:
            await runtime.create_net()
            node = NodeConfig(**at.usual(), long_name=at.target)
            await runtime.start_container(await runtime.create_container(node), EndpointlessNode(node))
            yield at
        finally:
            with anyio.CancelScope(shield=True):
                for container in [at.target, *await at.strangers()]:
                    await runtime.delete_container(container)
                await runtime.delete_net()
