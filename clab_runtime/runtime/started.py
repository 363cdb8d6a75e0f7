"""The handle to a container that has been started."""

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import ContainerStatus
from clab_runtime.runtime.base import StartedContainer
from clab_runtime.runtime.diagnosis import diagnose
from clab_runtime.runtime.translate import status_from_state

INTERVAL = 0.1
"""Seconds between two looks at a container that is coming up."""

_ENDED = (ContainerStatus.STOPPED, ContainerStatus.REMOVING)


class EngineStartedContainer(StartedContainer):
    """A started container, watched through the engine that runs it."""

    def __init__(self, engine: EngineClient, container: str) -> None:
        """Watch a container by its name or id."""
        self._engine = engine
        self._id = container

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"

    @property
    def id(self) -> str:
        """The name or the id that it was started by."""
        return self._id

    async def wait_running(self) -> None:
        """Look until it runs or has ended."""
        while True:
            state = (await self._engine.containers.inspect(self._id)).state
            status = status_from_state(state.status)
            if status is ContainerStatus.RUNNING:
                return
            if status in _ENDED:
                raise await diagnose(self._engine, self._id)
            await anyio.sleep(INTERVAL)

    async def wait_exited(self) -> int:
        """Let the engine tell the end."""
        return (await self._engine.containers.wait(self._id)).status_code

    async def wait_healthy(self) -> None:
        """Refuse: it comes with the rest of the runtime interface."""
        raise UnsupportedOperationError("docker", "", "wait_healthy yet")
