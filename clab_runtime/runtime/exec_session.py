"""Sessions that run a command in a container."""

from collections.abc import Mapping
from contextlib import suppress

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.errors import ContainerRuntimeError, NotFoundError
from clab_runtime.models import ExecCmd, TerminalSize
from clab_runtime.models.given import check, check_text
from clab_runtime.runtime import settings
from clab_runtime.runtime.arguments import check_flag
from clab_runtime.runtime.detach_keys import detach_keys
from clab_runtime.runtime.execution import ROOT
from clab_runtime.runtime.running_command import RunningCommand, argv_of


def exec_request(  # noqa: PLR0913 - the endpoint's own parameters
    command: ExecCmd, *, tty: bool, stdin: bool, user: str, env: Mapping[str, str], workdir: str
) -> schema.ExecCreate:
    """Write the request for a command with its streams attached; refuse what can't be right."""
    check_flag("tty", tty)
    check_flag("stdin", stdin)
    check_text("user", user)
    check("env", env, Mapping[str, str])
    check_text("workdir", workdir)
    return schema.ExecCreate(
        cmd=argv_of(command),
        user=user or ROOT,
        tty=tty,
        attach_stdin=stdin,
        attach_stdout=True,
        attach_stderr=True,
        env=tuple(f"{name}={value}" for name, value in settings.environment(env).items()),
        working_dir=workdir,
        detach_keys=detach_keys(tty=tty),
    )


class ExecCounterpart:
    """A command in a container, which is the session's own and ends with it."""

    def __init__(
        self,
        engine: EngineClient,
        container: str,
        command: ExecCmd,
        request: schema.ExecCreate,
        size: TerminalSize | None,
    ) -> None:
        """Run the command that the request is about."""
        self.tty = request.tty
        self.stdin = request.attach_stdin
        self._engine = engine
        self._container = container
        self._command = command
        self._request = request
        self._size = size
        self._running: RunningCommand | None = None
        self._code: int | None = None
        self._ended = anyio.Event()

    async def open(self) -> Duplex:
        """Prepare it and start it; POST /containers/{id}/exec, POST /exec/{id}/start."""
        exec_id = await self._engine.execs.create(self._container, self._request)
        running = RunningCommand(self._engine, self._container, self._command, exec_id)
        duplex = await running.start(tty=self.tty, size=self._size)
        self._running = running
        return duplex

    async def resize(self, size: TerminalSize) -> None:
        """Set its terminal's size; POST /exec/{id}/resize."""
        await self._engine.execs.resize(self._started.exec_id, width=size.width, height=size.height)

    async def has_ended(self) -> bool:
        """Look whether it has ended, or gone with its container."""
        try:
            self._code = await self._started.exit_code_if_ended()
        except NotFoundError:
            return True
        return self._code is not None

    async def see_end(self, *, input_ended: bool) -> None:
        """Learn its exit code, which is there once it has ended, unless it has gone with its container."""
        del input_ended
        with suppress(NotFoundError):
            self._code = await self._started.exit_code()
        self._ended.set()

    async def wait(self) -> int:
        """Look now and then, until the end of the output says that it is over."""
        delays = growing_delays()
        while self._code is None:
            self._code = await self._started.exit_code_if_ended()
            if self._code is None:
                with anyio.move_on_after(next(delays)):
                    await self._ended.wait()
        return self._code

    async def leave(self, duplex: Duplex) -> None:
        """Close its streams, and end it unless it has ended by itself."""
        if self._code is None:
            await self._started.abandon(duplex)
        else:
            await duplex.aclose()

    @property
    def _started(self) -> RunningCommand:
        """The command, once it has been started."""
        if self._running is None:
            raise ContainerRuntimeError("the command has not been started")
        return self._running
