"""Sessions that are attached to a container's own process, and leave it alone."""

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.errors import EngineProtocolError, NotFoundError
from clab_runtime.models import TerminalSize
from clab_runtime.models.container import WITH_PROCESS
from clab_runtime.runtime.detach_keys import detach_keys
from clab_runtime.runtime.diagnosis import diagnose
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.translate import status_from_state

ENDING_TIME = 10.0
"""Seconds that an engine gets between the end of a container's output and that of the container."""


class AttachCounterpart:
    """A container's first process."""

    def __init__(self, engine: EngineClient, dialect: Dialect, container: str, *, stdin: bool) -> None:
        """Attach to a container, with or without its input."""
        self.tty = False
        self.stdin = stdin
        self.sized = False
        self._engine = engine
        self._dialect = dialect
        self._container = container
        self._pid = 0

    async def open(self) -> Duplex:
        """Attach to it unless it does not run; GET /containers/{id}/json, POST /containers/{id}/attach."""
        inspect = await self._engine.containers.inspect(self._container)
        if status_from_state(inspect.state.status) not in WITH_PROCESS:  # Podman would make it ready anew
            raise await diagnose(self._engine, self._container)
        self._container, self._pid = inspect.id, inspect.state.pid
        self.tty = inspect.config.tty
        self.stdin = self.stdin and inspect.config.open_stdin
        return await self._engine.containers.attach(
            self._container, stdin=self.stdin, detach_keys=detach_keys(tty=self.tty)
        )

    async def resize(self, size: TerminalSize) -> None:
        """Set its terminal's size; POST /containers/{id}/resize."""
        await self._engine.containers.resize(self._container, width=size.width, height=size.height)

    async def has_ended(self) -> bool:
        """Look whether the process that was attached to has ended, be it that there is another one now."""
        try:
            return (await self._engine.containers.inspect(self._container)).state.pid != self._pid
        except NotFoundError:
            return True

    async def see_end(self, *, input_ended: bool) -> None:
        """Look until the process has ended; an end of input may have been one of the session alone."""
        if input_ended:
            return
        with anyio.move_on_after(ENDING_TIME):
            for delay in growing_delays():
                if await self.has_ended():
                    return
                await anyio.sleep(delay)
        raise EngineProtocolError(f"the connection to container {self._container!r} has ended, and the container not")

    async def wait(self) -> int:
        """Let the engine tell the container's end."""
        return await self._dialect.wait(self._engine, self._container)

    async def leave(self, duplex: Duplex) -> None:
        """Detach."""
        await duplex.aclose()
