"""Session: the interface of all interactive sessions, each method documented here."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable
from typing import Self

from clab_runtime.models import SessionOutput


class Session(ABC):
    """Input and output of a process in a container, both at once: an async context manager and an async iterator.

    It is opened when it is entered. What it iterates over is the output, piece by piece as it is written; its end is
    the process's own: a connection that is lost raises EngineProtocolError. Nothing is read ahead, so that a process
    whose output nobody reads has to wait, and so has who sends what the process does not read. One task may read while
    others send. A cancelled `anext` loses nothing; a cancelled `send` may have sent a part.

    Leaving a session that runs a command ends the command with its children, if it has not ended by itself, where this
    process has the right to, and logs a warning where not. Leaving one that is attached to a container just detaches.
    """

    @property
    @abstractmethod
    def tty(self) -> bool:
        """Whether the process has a terminal; known once the session is open. All of its output is then stdout."""

    @abstractmethod
    async def __aenter__(self) -> Self:
        """Open it: start the command, or attach to the container."""

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self.aclose()

    def __aiter__(self) -> Self:
        """Iterate over the output."""
        return self

    @abstractmethod
    async def __anext__(self) -> SessionOutput:
        """Wait for the next piece of output.

        Raises EngineProtocolError when the connection is lost while the process goes on, and EngineStreamError when the
        engine reports an error in the middle.
        """

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Write to the process's input, and wait until there is room for all of it.

        Calls in several tasks go out one after the other. Raises anyio.BrokenResourceError when the process has ended,
        anyio.ClosedResourceError after `send_eof` or `aclose`, and InvalidValueError for what is no bytes, or when the
        process has no input. On a terminal a NUL at the end waits for what comes behind it, in case that is the keys
        to detach by: engines can't do without, and no others are used in a session.
        """

    @abstractmethod
    async def send_all(self, pieces: AsyncIterable[bytes]) -> None:
        """Write what an async iterable gives, a piece at a time, and leave the input open; raises as `send` does."""

    @abstractmethod
    async def send_eof(self) -> None:
        r"""End the input; the output goes on. Twice is as good as once.

        A terminal's input has no end: InvalidValueError; what programs take for it is `await session.send(b"\x04")`.
        Raises UnsupportedOperationError over TLS. Of a container that is attached to, Podman ends the input; Docker
        does so for one that was made with StdinOnce, else it just detaches, which ends the session's output, too.
        """

    @abstractmethod
    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size, in characters; POST /exec/{id}/resize, POST /containers/{id}/resize.

        Nothing happens once the process has ended. Raises InvalidValueError where there is no terminal.
        """

    @abstractmethod
    async def wait(self) -> int:
        """Wait for the process's end and return its exit code, a container's when it is attached to one.

        The output is to be read meanwhile: a process whose output nobody reads may never end. It may be called again,
        and after the session is closed. GET /exec/{id}/json, POST /containers/{id}/wait. Raises NotFoundError when the
        container has been removed before the code was known.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the session; whoever waits for output then gets none."""
