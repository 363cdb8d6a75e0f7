"""What an engine still knows of a container that ended where it was to run."""

import logging
import signal
from collections import deque

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ContainerExitedError, ContainerRuntimeError
from clab_runtime.runtime.health import health_log
from clab_runtime.runtime.log_tail import counts_tails
from clab_runtime.stream import Stream
from clab_runtime.streams.log_source import LogSource

logger = logging.getLogger("clab_runtime")

LAST_LINES = 20
"""Lines of a dead container's output that its error carries."""

LOG_TIME = 5.0
"""Seconds that reading them may take."""

_SIGNALLED = 128
"""An exit code above it stands for a signal."""


async def diagnose(
    engine: EngineClient, container: str, *, called: str = "", exit_code: int | None = None
) -> ContainerExitedError:
    """Make the error with all the evidence that can be had; GET /containers/{id}/json, GET /containers/{id}/logs.

    It speaks of the container as it is called, and has the exit code that is known already.
    """
    inspect = await engine.containers.inspect(container)
    state = inspect.state
    code = state.exit_code if exit_code is None else exit_code
    return ContainerExitedError(
        called or container,
        exit_code=code,
        oom_killed=state.oom_killed,
        signal=signal_name(code),
        error=state.error,
        health_log=health_log(inspect),
        last_lines=await _last_lines(engine, container, tty=inspect.config.tty),
    )


async def log_last_output(engine: EngineClient, container: str) -> None:
    """Log how a container that does not run has ended, and its last output; nothing of one that runs."""
    try:
        await raise_unless_running(engine, container)
    except ContainerExitedError as exc:
        logger.warning("%s", exc)


async def raise_unless_running(engine: EngineClient, container: str) -> None:
    """Raise what is known of a container that has no process, nor gets one by itself; GET /containers/{id}/json."""
    if not (await engine.containers.inspect(container)).state.running:
        raise await diagnose(engine, container)


def signal_name(exit_code: int) -> str | None:
    """Name the signal that an exit code stands for."""
    try:
        return signal.Signals(exit_code - _SIGNALLED).name
    except ValueError:
        return None


async def _last_lines(engine: EngineClient, container: str, *, tty: bool) -> list[bytes]:
    """Read the end of the log; a log that can't be read is no reason to hide the rest of the evidence."""
    lines: deque[bytes] = deque(maxlen=LAST_LINES)
    try:
        with anyio.move_on_after(LOG_TIME):
            tail = LAST_LINES if counts_tails(await engine.info()) else None
            async with Stream(LogSource(engine.containers.logs(container, tail=tail), tty=tty)) as log:
                async for line in log:
                    lines.append(line.data)
    except ContainerRuntimeError as exc:
        lines.append(f"(its log can't be read: {exc})".encode())
    return list(lines)
