"""Where hostile cases are tried: a lab on a real engine through the public names alone, and what is counted there."""

import secrets
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import anyio
import httpx

from clab_runtime import (
    ContainerRuntime,
    EndpointlessNode,
    ExecCmd,
    GenericFilter,
    MgmtNet,
    NodeConfig,
    labels,
    open_runtime,
)
from clab_runtime.engine.transport import EngineTransport

IMAGE = "busybox"
FOREVER = "sleep 100000"

asked: ContextVar[list[str]] = ContextVar("asked")
"""What the case at hand has asked the engine for."""


class Range:
    """A runtime, a container that runs, and helpers that take values of any type."""

    def __init__(self, kind: str, runtime: ContainerRuntime, lab: str) -> None:
        self.kind = kind
        self.runtime = runtime
        self.target = labels.container_name(lab, "target")
        self._lab = lab

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
        name = labels.container_name(self._lab, secrets.token_hex(4))
        usual = {"short_name": "r1", "long_name": name, "image": IMAGE, "cmd": FOREVER, "network_mode": "none"}
        usual["labels"] = {labels.CONTAINERLAB: self._lab}
        return NodeConfig(**{**usual, **words})

    async def open(self, name: Any = None, **settings: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Open another runtime; a mapping for `mgmt` is put into a MgmtNet."""
        mgmt = settings.get("mgmt")
        if isinstance(mgmt, dict):
            settings["mgmt"] = MgmtNet(**mgmt)
        name = self.kind if name is None and settings else name
        async with open_runtime(name, **settings):
            pass

    async def create_net(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Create a network of its own, and remove it when that was not refused."""
        mgmt = MgmtNet(network=f"{self._lab}-{secrets.token_hex(4)}", **words)
        async with open_runtime(self.kind, mgmt=mgmt) as runtime:
            await runtime.create_net()
            await runtime.delete_net()

    async def log(self, **words: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Read the target's log."""
        async with self.runtime.stream_logs(self.target, **words) as log:
            async for _ in log:
                pass

    async def listen(self, options: Any) -> None:  # noqa: ANN401 - the types are what is wrong
        """Listen to events."""
        async with self.runtime.stream_events(options):
            pass

    async def exits(self, command: str, *codes: int) -> None:
        """Run a command that ends with one of the codes."""
        assert (await self.runtime.exec(self.target, ExecCmd(command))).exit_code in codes

    async def prints(self, argv: list[str]) -> None:
        """Run an `echo`, which has to print its argument as it is."""
        assert (await self.runtime.exec(self.target, ExecCmd(argv))).stdout == argv[-1].encode() + b"\n"

    async def finds_none(self, condition: GenericFilter) -> None:
        """List by a filter that nothing passes."""
        assert await self.runtime.list_containers([condition]) == []

    async def strangers(self) -> list[str]:
        """Name the lab's containers that ought to be gone."""
        found = await self.runtime.list_containers([GenericFilter("label", labels.CONTAINERLAB, "=", self._lab)])
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
            node = NodeConfig(long_name=at.target, image=IMAGE, cmd=FOREVER, labels={labels.CONTAINERLAB: lab})
            await runtime.start_container(await runtime.create_container(node), EndpointlessNode(node))
            yield at
        finally:
            with anyio.CancelScope(shield=True):
                for container in [at.target, *await at.strangers()]:
                    await runtime.delete_container(container)
                await runtime.delete_net()


@contextmanager
def counted() -> Generator[None]:
    """Note every request that any client of this process sends."""
    send = EngineTransport.handle_async_request

    async def noted(self: EngineTransport, request: httpx.Request) -> httpx.Response:
        asked.get([]).append(f"{request.method} {request.url.raw_path.decode()[:200]}")
        return await send(self, request)

    EngineTransport.handle_async_request = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        EngineTransport.handle_async_request = send  # type: ignore[method-assign]
