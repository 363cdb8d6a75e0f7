"""Running the health checks of containers whose health is awaited, where nobody else does.

Podman leaves that to timers of systemd; without it, checks are never run. Which it is shows in the log of the checks:
an entry that is not of ours is somebody else's, who is then left alone while he keeps to the interval.
"""

from collections.abc import Callable
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

AT_ONCE = 20
"""Checks being run at once; the others wait, since each is a process in a container."""

_SECOND = 1_000_000_000
_LEAST = 0.05
_UNCHECKED = 1.0
"""Seconds between two looks at what has, for the moment, no check to be run."""


@dataclass
class _Watch:
    """What has been seen of a container's check."""

    last: str = ""
    """When its last run began, on the engine's clock; empty: there was none."""
    since: float | None = None
    """When that was seen first, on our clock."""
    ours: bool = False
    running: bool = False
    watchers: int = 0


class HealthChecks:
    """The checks that are being watched; all who wait for one container share its check."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self._watches: dict[str, _Watch] = {}
        self._running = anyio.CapacityLimiter(AT_ONCE)

    @property
    def watched(self) -> int:
        """How many containers are being watched."""
        return len(self._watches)

    async def keep_up(
        self, engine: EngineClient, container: str, tell: Callable[[schema.ContainerInspect], None]
    ) -> None:
        """Look at a container when its check is due, and run it then unless somebody has; without end.

        GET /libpod/containers/{id}/healthcheck.
        """
        watch = self._watches.setdefault(container, _Watch())
        watch.watchers += 1
        try:
            while True:
                async with self._running:
                    inspect = await self._look(engine, container, watch)
                tell(inspect)
                await anyio.sleep(_until_next_look(watch, inspect))
        finally:
            watch.watchers -= 1
            if not watch.watchers:
                del self._watches[container]

    async def _look(self, engine: EngineClient, container: str, watch: _Watch) -> schema.ContainerInspect:
        """Look at a container, and run its check if that is due."""
        inspect = await engine.containers.inspect(container)
        if _is_checked(inspect):
            _note(watch, inspect)
            if not watch.running and _time_left(watch, inspect) <= _LEAST:
                return await self._run(engine, container, watch)
        return inspect

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


def _is_checked(inspect: schema.ContainerInspect) -> bool:
    """Tell whether a container's check is to be run."""
    health = inspect.state.health
    if not inspect.state.running or inspect.config.healthcheck is None or health is None:
        return False
    return health.status not in {HEALTHY, UNHEALTHY}


def _note(watch: _Watch, inspect: schema.ContainerInspect) -> None:
    """Note when the last run was seen first."""
    last = _last_run(inspect.state.health or schema.Health())
    if watch.since is None:
        watch.last, watch.since = last, anyio.current_time()
    elif watch.last != last and not watch.running:
        watch.last, watch.since, watch.ours = last, anyio.current_time(), False


def _until_next_look(watch: _Watch, inspect: schema.ContainerInspect) -> float:
    """Tell when to look again: when the check is due, but within an interval, since others may run it."""
    check, left = inspect.config.healthcheck, _time_left(watch, inspect)
    return left if check is None else min(left, max(check.interval / _SECOND, _LEAST))


def _time_left(watch: _Watch, inspect: schema.ContainerInspect) -> float:
    """Tell how long it is until the check is due, or may be."""
    check = inspect.config.healthcheck
    if watch.since is None or check is None or not _is_checked(inspect):
        return _UNCHECKED
    return max(watch.since + _pause(watch, check.interval / _SECOND) - anyio.current_time(), _LEAST)


def _last_run(health: schema.Health) -> str:
    """Tell when the last run of a check began."""
    return health.log[-1].start if health.log else ""


def _pause(watch: _Watch, interval: float) -> float:
    """Tell how long after the last run the next one is due."""
    if not watch.last:
        return min(interval, FIRST_CHECK)
    return interval if watch.ours else OTHERS_INTERVALS * interval
