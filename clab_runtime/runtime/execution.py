"""Running a command in a container to its end, and ending it when the caller goes away first."""

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
from clab_runtime.engine.framing import STDERR, FrameDecoder
from clab_runtime.errors import ContainerRuntimeError, EngineProtocolError, InvalidValueError
from clab_runtime.host.processes import belongs_to
from clab_runtime.models import ExecCmd, ExecResult
from clab_runtime.runtime.shielding import complete_or_undo, shielded

logger = logging.getLogger("clab_runtime")

ROOT = "0"
"""Who runs the commands: an image need not know a user called root."""

EXIT_CODE_TIME = 10.0
"""Seconds that an engine gets between the end of a command's output and its exit code."""

ENDING_TIME = 5.0
"""Seconds that ending an abandoned command may take."""


async def execute(engine: EngineClient, container: str, command: ExecCmd) -> ExecResult:
    """Run a command and wait for its end; cancelled, kill it where that is possible."""
    request = schema.ExecCreate(cmd=_argv(command), user=ROOT, attach_stdout=True, attach_stderr=True)
    exec_id = await engine.execs.create(container, request)

    async def abandon(duplex: Duplex) -> None:
        await duplex.aclose()
        await _end(engine, exec_id, container, command)

    # Once the request to start has gone out the command will run, so that only its end can undo it.
    duplex = await complete_or_undo(lambda: engine.execs.start(exec_id), abandon)
    try:
        stdout, stderr = await _output(duplex)
        exit_code = await _exit_code(engine, exec_id, command)
    except anyio.get_cancelled_exc_class():
        await shielded(lambda: abandon(duplex))
        raise
    finally:
        await duplex.aclose()
    return ExecResult(command=command, exit_code=exit_code, stdout=stdout, stderr=stderr)


async def execute_detached(engine: EngineClient, container: str, command: ExecCmd) -> None:
    """Start a command and leave it alone."""
    exec_id = await engine.execs.create(container, schema.ExecCreate(cmd=_argv(command), user=ROOT))
    await engine.execs.start_detached(exec_id)


def _argv(command: ExecCmd) -> tuple[str, ...]:
    """Return the command's words; a bare string is what people give by mistake."""
    if not isinstance(command, ExecCmd):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidValueError("command", command, "wrap it: ExecCmd('ls -l') or ExecCmd(['ls', '-l'])")
    return command.argv


async def _output(duplex: Duplex) -> tuple[bytes, bytes]:
    """Collect what the command writes, each stream apart."""
    decoder = FrameDecoder()
    stdout: list[bytes] = []
    stderr: list[bytes] = []
    with suppress(anyio.EndOfStream):
        while True:
            for stream, data in decoder.feed(await duplex.receive()):
                (stderr if stream == STDERR else stdout).append(data)
    decoder.finish()
    return b"".join(stdout), b"".join(stderr)


async def _exit_code(engine: EngineClient, exec_id: str, command: ExecCmd) -> int:
    """Ask until the command has ended and its exit code is known: engines tell it a moment after the output's end."""
    with anyio.move_on_after(EXIT_CODE_TIME):
        for delay in growing_delays():
            state = await engine.execs.inspect(exec_id)
            if not state.running and state.exit_code is not None:
                return state.exit_code
            await anyio.sleep(delay)
    raise EngineProtocolError(
        f"the output of {command} has ended, but the engine has no exit code for it after {EXIT_CODE_TIME:g} s"
    )


async def _end(engine: EngineClient, exec_id: str, container: str, command: ExecCmd) -> None:
    """Kill an abandoned command; no engine has a call for it, so that it takes the rights to do it on this machine."""
    ended = False
    problem = "no right to end it from here"
    try:
        with anyio.move_on_after(ENDING_TIME):
            ended = await _killed(engine, exec_id)
    except ContainerRuntimeError as exc:
        problem = str(exc)
    if not ended:
        logger.warning("cancelled: %s may go on in container %s: %s", command, container, problem)


async def _killed(engine: EngineClient, exec_id: str) -> bool:
    """Wait until the engine has begun the command, and kill it unless it has ended; tell whether it is gone."""
    while True:
        state = await engine.execs.inspect(exec_id)
        if state.running and state.pid:
            return _kill(state.pid, state.container_id)
        if not state.running and state.exit_code is not None:
            return True
        await anyio.sleep(FIRST_DELAY)


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
    ended = [_kill(child, container_id) for child in children]
    return all(ended)


def _children(pid: int) -> list[int]:
    """List a process's children."""
    return [int(child) for task in Path(f"/proc/{pid}/task").glob("*/children") for child in task.read_text().split()]
