"""The handle to a container that has been started."""

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ContainerUnhealthyError
from clab_runtime.models import ContainerStatus
from clab_runtime.runtime.base import StartedContainer
from clab_runtime.runtime.diagnosis import diagnose
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.health import HEALTHY, UNHEALTHY, health_log, health_of
from clab_runtime.runtime.translate import status_from_state

_ENDED = (ContainerStatus.STOPPED, ContainerStatus.REMOVING)


class EngineStartedContainer(StartedContainer):
    """A started container, watched through the engine that runs it."""

    def __init__(self, engine: EngineClient, container: str, dialect: Dialect) -> None:
        """Watch a container by its name or id."""
        self._engine = engine
        self._dialect = dialect
        self._id = container

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"

    @property
    def id(self) -> str:
        """The name or the id that it was started by."""
        return self._id

    async def wait_running(self) -> None:
        """Look until it runs or has ended."""
        for delay in growing_delays():
            state = (await self._engine.containers.inspect(self._id)).state
            status = status_from_state(state.status)
            if status is ContainerStatus.RUNNING:
                return
            if status in _ENDED:
                raise await diagnose(self._engine, self._id)
            await anyio.sleep(delay)

    async def wait_exited(self) -> int:
        """Let the engine tell the end."""
        return await self._dialect.wait(self._engine, self._id)

    async def wait_healthy(self) -> None:
        """Look until its check has succeeded, or can't any more."""
        for delay in growing_delays():
            inspect = await self._dialect.check_health(self._engine, self._id)
            health = health_of(inspect, self._id)
            if status_from_state(inspect.state.status) in _ENDED:
                raise await diagnose(self._engine, self._id)
            if health.status == HEALTHY:
                return
            if health.status == UNHEALTHY:
                log = health_log(inspect)
                raise ContainerUnhealthyError(self._id, failing_streak=health.failing_streak, health_log=log)
            await anyio.sleep(delay)
