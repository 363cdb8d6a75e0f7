"""StartedContainer: the interface of the handle that starting a container returns, each wait documented here."""

import re
from abc import ABC, abstractmethod

from clab_runtime.models import LogLine


class StartedContainer(ABC):
    """A handle to a container that has been started."""

    @property
    @abstractmethod
    def id(self) -> str:
        """The name or the id that it was started by."""

    @abstractmethod
    async def wait_running(self) -> None:
        """Wait, without a limit, until it runs; GET /containers/{id}/json, GET /events.

        Raises ContainerExitedError, with the evidence, when it ended instead, and NotFoundError when it was removed.
        All waits of a handle are those of `ContainerRuntime.wait_all` for one container.
        """

    @abstractmethod
    async def wait_exited(self) -> int:
        """Wait, without a limit, until it ends, and return its exit code; GET /containers/{id}/json, GET /events.

        One that is started again by its restart policy has ended, too. Raises NotFoundError when it was removed before
        the wait began; a removal meanwhile is an end.
        """

    @abstractmethod
    async def wait_healthy(self) -> None:
        """Wait, without a limit, until its health check says healthy; GET /containers/{id}/json, GET /events.

        Raises ContainerUnhealthyError when the engine calls it unhealthy instead, ContainerExitedError when it ended,
        NotFoundError when it was removed, and InvalidValueError when it has no health check.
        """

    @abstractmethod
    async def wait_removed(self) -> None:
        """Wait, without a limit, until the engine has it no more; GET /containers/{id}/json, GET /events."""

    @abstractmethod
    async def wait_log(self, pattern: str | re.Pattern[str]) -> LogLine:
        """Wait, without a limit, for a line that it has ever written, and return it; GET /containers/{id}/logs.

        A string is searched for as it is, a compiled pattern by its `search`, in each line as text. Raises
        ContainerExitedError when it ended without it, ContainerUnhealthyError when the engine calls it unhealthy,
        NotFoundError when it was removed, and UnsupportedOperationError when its log can't be read.
        """
