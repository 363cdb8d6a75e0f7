"""Stopping a container on Podman, so that it stays down.

A stop that meets a container between two tries of its restart policy does nothing, and the next try follows. So it is
asked to stop again and again, until a stop has met it running, or it has not been started for a while.
"""

import math
from contextlib import suppress

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import ConflictError, EngineInternalError, NotFoundError, WaitTimeoutError
from clab_runtime.runtime.podman_version import is_since
from clab_runtime.runtime.stopping import signal_number

LOOP_TIME = 10.0
"""Seconds in which one stop has to meet a container that starts again and again."""

AT_REST = 3.0
"""Seconds after which one that has not been started again is down: Podman tries again at once."""

_PAUSE = 0.02
_DOWN = "exited"
_EXITED_BETWEEN_TRIES = APIVersion(5, 5)
"""Older ones say `stopped` between two tries, and `exited` once it is over."""
_ENDED_BY_SIGNAL = APIVersion(5, 0)
"""Older ones start what has ended by a signal again, newer ones count it as stopped."""


async def stop(engine: EngineClient, container: str, seconds: float) -> None:
    """Stop a container, by force after so many seconds; POST /libpod/containers/{id}/stop."""
    inspect = await engine.containers.inspect(container)
    with suppress(NotFoundError):  # one that removes itself
        if inspect.state.paused:
            with suppress(ConflictError):  # somebody else was faster
                await engine.containers.unpause(inspect.id)
        await _stop_for_good(engine, inspect, seconds)


async def stop_with_signal(engine: EngineClient, container: str, signal: str, seconds: float) -> None:
    """Send a signal, and kill the container unless it has ended within so many seconds.

    Podman 4 starts one with a restart policy again, which is an end, too. A frozen one gets the signal when it goes on.
    """
    number = signal_number(signal)
    inspect = await engine.containers.inspect(container)
    ended = False
    with suppress(NotFoundError):
        if await _signalled(engine, inspect, number):
            with anyio.move_on_after(seconds):
                ended = await _ended(engine, inspect)
        if not (ended and is_since(await engine.info(), _ENDED_BY_SIGNAL)):
            await _stop_for_good(engine, inspect, 0)


async def _signalled(engine: EngineClient, inspect: schema.ContainerInspect, number: int) -> bool:
    """Send a signal, and let a frozen container go on to get it; False: it does not run, or has just ended."""
    try:
        await engine.containers.kill(inspect.id, str(number))
        if inspect.state.paused:
            await engine.containers.unpause(inspect.id)
    except ConflictError:
        return False
    except EngineInternalError:  # the OCI runtime's words for what has ended since Podman looked
        if await _runs_on(engine, inspect):
            raise
        return False
    return True


async def _ended(engine: EngineClient, begun: schema.ContainerInspect) -> bool:
    """Look until a container does not run any more, or runs anew."""
    for delay in growing_delays():
        if not await _runs_on(engine, begun):
            break
        await anyio.sleep(delay)
    return True


async def _runs_on(engine: EngineClient, begun: schema.ContainerInspect) -> bool:
    """Tell whether a container still runs as it did, and has not been started anew."""
    state = (await engine.containers.inspect(begun.id)).state
    return state.running and state.started_at == begun.state.started_at


async def _stop_for_good(engine: EngineClient, inspect: schema.ContainerInspect, seconds: float) -> None:
    """Stop a container until it is down; raise WaitTimeoutError where no stop meets it running."""
    exited_is_down = not is_since(await engine.info(), _EXITED_BETWEEN_TRIES)
    at_rest = LOOP_TIME if exited_is_down else AT_REST
    begun = changed = anyio.current_time()
    tries = inspect.restart_count
    while not await engine.libpod.containers.stop(inspect.id, timeout=math.ceil(seconds)):
        inspect = await engine.containers.inspect(inspect.id)
        now = anyio.current_time()
        if inspect.restart_count != tries:
            tries, changed = inspect.restart_count, now
        down = exited_is_down and inspect.state.status == _DOWN
        if down or not _may_restart(inspect) or now - changed > at_rest:
            return
        if now - begun > LOOP_TIME:
            raise WaitTimeoutError(f"container {inspect.name!r} starts again and again: no stop has met it running")
        await anyio.sleep(_PAUSE)


def _may_restart(inspect: schema.ContainerInspect) -> bool:
    """Tell whether Podman may start a container again that has ended."""
    policy = inspect.host_config.restart_policy
    if policy is None or policy.name in {"", "no"}:
        return False
    return inspect.state.running or policy.name != "on-failure" or inspect.state.exit_code != 0
