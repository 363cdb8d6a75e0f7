"""Waiting for containers, with any runtime."""

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


async def wait_for_container_running(
    runtime: ContainerRuntime,
    container: str,
    node: str,
    *,
    timeout: float = DEFAULT_TIMEOUT,  # noqa: ASYNC109 - the error that it raises says what was waited for
    interval: float = DEFAULT_INTERVAL,
) -> None:
    """Wait until a container runs: look at once, then every `interval` seconds, for `timeout` seconds.

    Raises WaitTimeoutError, which names node, container, time and last status. GET /containers/{id}/json.
    """
    check_runtime(runtime)
    check_seconds("timeout", timeout)
    check_seconds("interval", interval, least=SHORTEST_INTERVAL)
    status: ContainerStatus | str = "not known"
    with anyio.move_on_after(timeout) as scope:
        while (status := await runtime.get_container_status(container)) is not ContainerStatus.RUNNING:  # noqa: ASYNC110 - no event of ours tells
            await anyio.sleep(interval)
    if scope.cancelled_caught:
        raise WaitTimeoutError(
            f"node {node!r}: container {container!r} is not running after {timeout:g} s; its last status: {status}"
        )
