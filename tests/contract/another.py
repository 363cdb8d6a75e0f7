"""Runtimes besides a lab's own, which reach the same engine in ways of their own."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio

from clab_runtime import ContainerRuntime, RuntimeOption
from tests.contract.lab import runtime_for
from tests.engines import Engine
from tests.faults.proxy import Proxy, open_proxy


@asynccontextmanager
async def another_runtime(
    engine: Engine, *options: RuntimeOption, endpoint: str = ""
) -> AsyncGenerator[ContainerRuntime]:
    """Open a runtime; `endpoint` is another way to the engine."""
    runtime = runtime_for(engine, endpoint)
    await runtime.init(*options)
    try:
        yield runtime
    finally:
        with anyio.CancelScope(shield=True):
            await runtime.aclose()


@asynccontextmanager
async def behind_proxy(engine: Engine) -> AsyncGenerator[tuple[Proxy, ContainerRuntime]]:
    """Open a runtime whose way to the engine can be cut."""
    async with open_proxy(engine.endpoint) as proxy, another_runtime(engine, endpoint=proxy.endpoint) as runtime:
        yield proxy, runtime
