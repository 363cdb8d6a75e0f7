"""Running a command in a container to its end, or without waiting for it."""

from contextlib import suppress

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.framing import STDERR, FrameDecoder
from clab_runtime.models import ExecCmd, ExecResult
from clab_runtime.runtime.running_command import RunningCommand, argv_of

ROOT = "0"
"""Who runs the commands: an image need not know a user called root."""


async def execute(engine: EngineClient, container: str, command: ExecCmd) -> ExecResult:
    """Run a command and wait for its end; cancelled, kill it where that is possible."""
    request = schema.ExecCreate(cmd=argv_of(command), user=ROOT, attach_stdout=True, attach_stderr=True)
    running = RunningCommand(engine, container, command, await engine.execs.create(container, request))
    duplex = await running.start()
    try:
        stdout, stderr = await _output(duplex)
        exit_code = await running.exit_code()
    except anyio.get_cancelled_exc_class():
        await running.abandon(duplex)
        raise
    finally:
        await duplex.aclose()
    return ExecResult(command=command, exit_code=exit_code, stdout=stdout, stderr=stderr)


async def execute_detached(engine: EngineClient, container: str, command: ExecCmd) -> None:
    """Start a command and leave it alone."""
    exec_id = await engine.execs.create(container, schema.ExecCreate(cmd=argv_of(command), user=ROOT))
    await engine.execs.start_detached(exec_id)


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
