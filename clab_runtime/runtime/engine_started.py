"""The handle to a container that has been started on an engine."""

import re

from clab_runtime.errors import EngineProtocolError
from clab_runtime.models import LogLine, LogMatch, WaitFor
from clab_runtime.runtime.started import StartedContainer
from clab_runtime.runtime.waits import Waits


class EngineStartedContainer(StartedContainer):
    """A started container, waited for among all others of its engine."""

    def __init__(self, container: str, waits: Waits) -> None:
        """Wait for a container by its name or id."""
        self._id = container
        self._waits = waits

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._id}>"

    @property
    def id(self) -> str:
        """The name or the id that it was started by."""
        return self._id

    async def wait_running(self) -> None:
        """Wait for it to run."""
        await self._waits.for_one(self._id, WaitFor.RUNNING)

    async def wait_exited(self) -> int:
        """Wait for its end."""
        code = (await self._waits.for_one(self._id, WaitFor.EXITED)).exit_code
        if code is None:
            raise EngineProtocolError(f"nobody can tell how container {self._id!r} ended")
        return code

    async def wait_healthy(self) -> None:
        """Wait for its check to succeed."""
        await self._waits.for_one(self._id, WaitFor.HEALTHY)

    async def wait_removed(self) -> None:
        """Wait for it to be gone."""
        await self._waits.for_one(self._id, WaitFor.REMOVED)

    async def wait_log(self, pattern: str | re.Pattern[str]) -> LogLine:
        """Wait for a line."""
        line = (await self._waits.for_one(self._id, LogMatch(pattern))).line
        if line is None:
            raise EngineProtocolError(f"the log of container {self._id!r} has no such line")
        return line
