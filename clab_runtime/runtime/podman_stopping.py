"""Stopping a container on Podman, so that it stays down.

A stop that meets a container between two tries of its restart policy does nothing, and the next try follows; Podman
says so only where it knew before. So the policy is taken off meanwhile where Podman can do that, and it is asked to
stop again and again, until the container is down by its state.
"""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import islice
from typing import TypeGuard

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.tasks import shielded
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import ConflictError, EngineInternalError, NotFoundError, WaitTimeoutError
from clab_runtime.runtime.podman_version import is_since
from clab_runtime.runtime.shielding import UNDO_TIME
from clab_runtime.runtime.stopping import signal_number

LOOP_TIME = 30.0
"""Seconds in which one stop has to meet a container that starts again and again; one in some three does."""

_PAUSE = 0.02
_CHANGE_TRIES = 9  # two seconds
_BETWEEN_TRIES = {"stopped", "stopping"}
"""States of what has ended and may start again; once that is decided against, it is `exited`. Only libpod tells them
apart on Podman 5.5 and newer."""
_CHANGES_POLICY = APIVersion(5, 1)


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
        if not ended or _starts_again(inspect.host_config.restart_policy):
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
    """Stop a container, and see to it that its restart policy does not start it again."""
    stop = partial(engine.libpod.containers.stop, inspect.id, timeout=math.ceil(seconds))
    await stop()
    policy = inspect.host_config.restart_policy
    if _starts_again(policy) and not await _is_down(engine, inspect.id):
        async with _policy_off(engine, inspect.id, policy):
            await _stop_until_down(engine, inspect, stop)


async def _stop_until_down(
    engine: EngineClient, inspect: schema.ContainerInspect, stop: Callable[[], Awaitable[None]]
) -> None:
    """Stop a container again and again; raise WaitTimeoutError where no stop meets it running."""
    end = anyio.current_time() + LOOP_TIME
    await stop()
    while not await _is_down(engine, inspect.id):
        if anyio.current_time() > end:
            raise WaitTimeoutError(f"container {inspect.name!r} starts again and again: no stop has met it running")
        await anyio.sleep(_PAUSE)
        await stop()


@asynccontextmanager
async def _policy_off(engine: EngineClient, container: str, policy: schema.RestartPolicy) -> AsyncGenerator[None]:
    """Take a container's restart policy off for a while, where Podman can do that."""
    if not is_since(await engine.info(), _CHANGES_POLICY):
        yield
        return
    try:
        await _change_policy(engine, container, schema.RestartPolicy(name="no"))
        yield
    finally:
        await shielded(lambda: _change_policy(engine, container, policy), UNDO_TIME)


async def _change_policy(engine: EngineClient, container: str, policy: schema.RestartPolicy) -> None:
    """Change a container's restart policy, which the OCI runtime hinders in the moment in which the container ends."""
    for delay in islice(growing_delays(), _CHANGE_TRIES):
        with suppress(EngineInternalError):
            await engine.libpod.containers.update_restart_policy(container, policy)
            return
        await anyio.sleep(delay)
    await engine.libpod.containers.update_restart_policy(container, policy)


def _starts_again(policy: schema.RestartPolicy | None) -> TypeGuard[schema.RestartPolicy]:
    return policy is not None and policy.name not in {"", "no"}


async def _is_down(engine: EngineClient, container: str) -> bool:
    """Tell whether a container's policy does not start it again; what somebody has started since counts as anew."""
    found = await engine.libpod.containers.inspect(container)
    restarted = found.state.running and found.restart_count > 0
    return not restarted and found.state.status not in _BETWEEN_TRIES
