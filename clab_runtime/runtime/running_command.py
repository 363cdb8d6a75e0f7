"""A command in a container from its start on: how it ends, and how it is ended."""

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path

import anyio

from clab_runtime.backoff import FIRST_DELAY, growing_delays
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.tasks import shielded
from clab_runtime.errors import ContainerRuntimeError, EngineProtocolError, InvalidValueError, NotFoundError
from clab_runtime.host.processes import belongs_to
from clab_runtime.models import ExecCmd, TerminalSize
from clab_runtime.runtime.shielding import complete_or_undo

logger = logging.getLogger("clab_runtime")

EXIT_CODE_TIME = 10.0
"""Seconds that an engine gets between the end of a command's output and its exit code."""

ENDING_TIME = 5.0
"""Seconds that ending an abandoned command may take."""

BY_ITSELF_TIME = 1.0
"""Seconds in which one that can't be killed may end by itself, since its input has ended."""

MOST_LOOKS = 100
"""How often threads that come and go may keep a process's children from being listed."""


def argv_of(command: ExecCmd) -> tuple[str, ...]:
    """Return the command's words; a bare string is what people give by mistake."""
    if not isinstance(command, ExecCmd):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidValueError("command", command, "wrap it: ExecCmd('ls -l') or ExecCmd(['ls', '-l'])")
    return command.argv


class RunningCommand:
    """A command that the engine has been asked to run."""

    def __init__(self, engine: EngineClient, container: str, command: ExecCmd, exec_id: str) -> None:
        """Take over what the engine has prepared; errors name it as it was given."""
        self._engine = engine
        self._container = container
        self._command = command
        self.exec_id = exec_id

    async def start(self, *, tty: bool = False, size: TerminalSize | None = None) -> Duplex:
        """Start it and return its standard streams."""
        console = (size.height, size.width) if size else None
        # Once the request to start has gone out the command will run, so that only its end can undo it.
        return await complete_or_undo(
            lambda: self._engine.execs.start(self.exec_id, tty=tty, console_size=console), self._abandon
        )

    async def exit_code_if_ended(self) -> int | None:
        """Look whether it has ended; GET /exec/{id}/json."""
        return _code(await self._engine.execs.inspect(self.exec_id))

    async def exit_code(self) -> int:
        """Ask until its end is known, of which engines tell a moment after the output's end."""
        code = await self._exit_code_within(EXIT_CODE_TIME)
        if code is None:
            raise EngineProtocolError(
                f"the output of {self._command} has ended, but the engine has no exit code for it after "
                f"{EXIT_CODE_TIME:g} s"
            )
        return code

    async def _exit_code_within(self, seconds: float) -> int | None:
        """Look for so many seconds whether it has ended."""
        with anyio.move_on_after(seconds):
            for delay in growing_delays():
                if (code := await self.exit_code_if_ended()) is not None:
                    return code
                await anyio.sleep(delay)
        return None

    async def abandon(self, duplex: Duplex) -> None:
        """Let go of its streams and end it, even if the caller is cancelled."""
        await shielded(lambda: self._abandon(duplex))

    async def _abandon(self, duplex: Duplex) -> None:
        await duplex.aclose()
        await self._end()

    async def _end(self) -> None:
        """Kill it; no engine has a call for it, so that it takes the rights to do it on this machine."""
        ended = False
        problem = "no right to end it from here"
        try:
            with anyio.move_on_after(ENDING_TIME):
                ended = await self._killed()
        except NotFoundError:  # gone with its container
            return
        except ContainerRuntimeError as exc:
            problem = str(exc)
        if not ended:
            logger.warning("abandoned: %s may go on in container %s: %s", self._command, self._container, problem)

    async def _killed(self) -> bool:
        """Wait until the engine has begun it, and kill it unless it has ended; tell whether it is gone."""
        while True:
            state = await self._engine.execs.inspect(self.exec_id)
            if state.running and state.pid:
                # One that is not to be killed from here, or not any more, may end all the same.
                return _kill(state.pid, state.container_id) or await self._exit_code_within(BY_ITSELF_TIME) is not None
            if _code(state) is not None:
                return True
            await anyio.sleep(FIRST_DELAY)


def _code(state: schema.ExecInspect) -> int | None:
    """Return the exit code of a command that has ended."""
    return None if state.running else state.exit_code


def _kill(pid: int, container_id: str) -> bool:
    """Kill a process and its children if it is one of the container's, seen from this machine."""
    try:
        process = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not belongs_to(pid, container_id):
            return False
        children = _children(pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(process)
    ended = [_kill(child, container_id) or not Path(f"/proc/{child}").exists() for child in children]
    return all(ended)


def _children(pid: int) -> list[int]:
    """List a process's children: those of each of its threads, looked at anew when one of these ends meanwhile.

    All but one do so when a process becomes another program, and leave their children to the others.
    """
    for _ in range(MOST_LOOKS):
        with suppress(FileNotFoundError, ProcessLookupError):
            return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _children_of(task)]
    raise ProcessLookupError(pid)


def _children_of(task: Path) -> list[str]:
    return (task / "children").read_text().split()
