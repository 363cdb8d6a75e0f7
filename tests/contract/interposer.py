"""Between a client and a real engine: what happens before a chosen request gets through is up to the test."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import anyio
from anyio.abc import ByteStream

from clab_runtime import ContainerRuntime, RuntimeConfig, with_config, with_mgmt_net
from clab_runtime.engine.tasks import run_all
from clab_runtime.engine.unix import UnixStream, connect_unix
from tests.contract.another import another_runtime
from tests.contract.lab import Lab
from tests.engines import Engine
from tests.serving import serving, unix_listener


class Interposer:
    """Pass everything on, but for a request that fits: it, and all after it, wait until something else is done."""

    def __init__(self) -> None:
        self._pattern: re.Pattern[str] | None = None
        self._act: Callable[[], Awaitable[object]] | None = None
        self._turn = anyio.Lock()

    def before(self, pattern: str, act: Callable[[], Awaitable[object]]) -> None:
        """Do something right before a request such as `POST .*/start` reaches the engine, once."""
        self._pattern, self._act = re.compile(pattern), act

    @property
    def done(self) -> bool:
        """Whether it has been done."""
        return self._pattern is None

    async def pass_on(self, outside: ByteStream, inside: ByteStream) -> None:
        """Pass requests on; a client sends the head of each in one piece."""
        async for data in outside:
            line = data.partition(b"\r\n")[0].decode("latin-1")
            async with self._turn:
                if self._pattern is not None and self._act is not None and self._pattern.match(line):
                    await self._act()
                    self._pattern = None
            await inside.send(data)


@asynccontextmanager
async def interposed(lab: Lab) -> AsyncGenerator[tuple[ContainerRuntime, Interposer]]:
    """Give a runtime of its own for a lab's engine, and what stands in its way."""
    between = Interposer()
    options = with_config(RuntimeConfig(timeout=10)), with_mgmt_net(lab.runtime.mgmt)
    async with (
        _listening(lab.engine, between) as endpoint,
        another_runtime(lab.engine, *options, endpoint=endpoint) as runtime,
    ):
        yield runtime, between


@asynccontextmanager
async def _listening(engine: Engine, between: Interposer) -> AsyncGenerator[str]:
    """Listen on a socket of its own."""
    with unix_listener() as (listener, path):
        async with serving(listener, lambda outside: _serve(outside, engine, between)):
            yield f"unix://{path}"


async def _serve(outside: UnixStream, engine: Engine, between: Interposer) -> None:
    """Pass on what one connection has to say, in both directions."""
    async with outside, await connect_unix(str(engine.socket)) as inside:

        async def requests() -> None:
            await between.pass_on(outside, inside)
            await inside.send_eof()

        async def answers() -> None:
            async for data in inside:
                await outside.send(data)
            await outside.send_eof()

        with suppress(anyio.BrokenResourceError):
            await run_all((requests, answers))
