"""Running the health checks of containers whose health is awaited, where nobody else does.

Podman leaves that to timers of systemd; without it, checks are never run. Which it is shows in the log of the checks:
an entry that is not of ours is somebody else's, who is then left alone while he keeps to the interval.
"""

from dataclasses import dataclass

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ConflictError, EngineInternalError
from clab_runtime.runtime.health import HEALTHY, UNHEALTHY

FIRST_CHECK = 1.0
"""Seconds that others get to run a check for the first time, unless its interval is shorter."""

OTHERS_INTERVALS = 2
"""Intervals after which a check that others have run is overdue."""

_SECOND = 1_000_000_000


@dataclass
class _Watch:
    """What has been seen of a container's check."""

    last: str
    """When its last run began, on the engine's clock; empty: there was none."""
    since: float
    """When that was seen first, on our clock."""
    ours: bool = False
    running: bool = False


class HealthChecks:
    """The checks that are being watched; all who wait for one container share its check."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._watches: dict[str, _Watch] = {}

    async def look(self, engine: EngineClient, container: str) -> schema.ContainerInspect:
        """Look at a container, and run its check if that is due; GET /libpod/containers/{id}/healthcheck."""
        inspect = await engine.containers.inspect(container)
        check, health = inspect.config.healthcheck, inspect.state.health
        if not inspect.state.running or check is None or health is None or health.status in {HEALTHY, UNHEALTHY}:
            self._watches.pop(inspect.id, None)
            return inspect
        watch = self._seen(inspect.id, health)
        if watch.running or anyio.current_time() - watch.since < _pause(watch, check.interval / _SECOND):
            return inspect
        return await self._run(engine, inspect.id, watch)

    def _seen(self, container: str, health: schema.Health) -> _Watch:
        """Note when the last run was seen first."""
        last = _last_run(health)
        watch = self._watches.get(container)
        if watch is None:
            watch = self._watches[container] = _Watch(last, anyio.current_time())
        elif watch.last != last and not watch.running:
            watch.last, watch.since, watch.ours = last, anyio.current_time(), False
        return watch

    async def _run(self, engine: EngineClient, container: str, watch: _Watch) -> schema.ContainerInspect:
        """Run a check, and look at what has come of it."""
        watch.running, watch.since = True, anyio.current_time()
        try:
            try:
                await engine.libpod.containers.check_health(container)
            except (ConflictError, EngineInternalError):
                if (await engine.containers.inspect(container)).state.running:
                    raise
            inspect = await engine.containers.inspect(container)
            watch.last, watch.ours = _last_run(inspect.state.health or schema.Health()), True
        finally:
            watch.running = False
        return inspect


def _last_run(health: schema.Health) -> str:
    """Tell when the last run of a check began."""
    return health.log[-1].start if health.log else ""


def _pause(watch: _Watch, interval: float) -> float:
    """Tell how long after the last run the next one is due."""
    if not watch.last:
        return min(interval, FIRST_CHECK)
    return interval if watch.ours else OTHERS_INTERVALS * interval
