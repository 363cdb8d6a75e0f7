"""Waiting for containers, with any runtime."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol, runtime_checkable

import anyio

from clab_runtime.errors import WaitTimeoutError
from clab_runtime.models import ContainerStatus
from clab_runtime.runtime.arguments import check_runtime, check_seconds
from clab_runtime.runtime.base import ContainerRuntime

DEFAULT_TIMEOUT = 15 * 60.0
"""Seconds that a container gets to come up: a network operating system takes its time."""

DEFAULT_INTERVAL = 3.0
"""Seconds between two looks."""

SHORTEST_INTERVAL = 0.001
"""Seconds between two looks that leave others some time."""

_Pause = Callable[[float], Awaitable[None]]


@runtime_checkable
class _Hears(Protocol):
    """A runtime that hears what happens to a container."""

    def bell(self, container: str) -> AbstractAsyncContextManager[_Pause]:
        """Give what waits until something happens to a container, or so many seconds."""
        ...


async def wait_for_container_running(
    runtime: ContainerRuntime,
    container: str,
    node: str,
    *,
    timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - the error that it raises says what was waited for
    interval: float = DEFAULT_INTERVAL,
) -> None:
    """Wait until a container runs: look at once, then every `interval` seconds, for `timeout` seconds.

    It need not exist yet. A runtime of Docker's or Podman's looks as soon as something happens to the container, too.
    Raises WaitTimeoutError, which names node, container, time and last status. GET /containers/{id}/json, GET /events.
    """
    check_runtime(runtime)
    check_seconds("timeout", timeout)
    check_seconds("interval", interval, least=SHORTEST_INTERVAL)
    status: ContainerStatus | str = "not known"
    with anyio.move_on_after(timeout) as scope:
        status = await runtime.get_container_status(container)
        if status is ContainerStatus.RUNNING:
            return
        async with _pauses(runtime, container) as pause:
            while status is not ContainerStatus.RUNNING:
                await pause(interval)
                status = await runtime.get_container_status(container)
    if scope.cancelled_caught:
        raise WaitTimeoutError(
            f"node {node!r}: container {container!r} is not running after {timeout:g} s; its last status: {status}"
        )


@asynccontextmanager
async def _pauses(runtime: ContainerRuntime, container: str) -> AsyncGenerator[_Pause]:
    """Give what waits between two looks: no longer than until something happens, where the runtime hears of it."""
    if isinstance(runtime, _Hears):
        async with runtime.bell(container) as pause:
            yield pause
    else:
        yield anyio.sleep
