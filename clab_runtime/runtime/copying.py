"""Copying a file of this machine into a container, whole or not at all."""

import logging
import posixpath
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from pathlib import PurePosixPath

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.tasks import run_all, shielded
from clab_runtime.errors import (
    ContainerRuntimeError,
    EngineError,
    InvalidValueError,
    UnsupportedOperationError,
)
from clab_runtime.models import ExecCmd
from clab_runtime.models.given import check_text
from clab_runtime.runtime.execution import execute
from clab_runtime.runtime.shielding import UNDO_TIME
from clab_runtime.runtime.source_file import open_source

logger = logging.getLogger("clab_runtime")

_ALLOWED = "give the absolute path of the file in the container, not that of a directory"

IN_MEMORY = ("/dev", "/proc", "/sys")
"""Where every container has file systems that are no part of its image."""

IS_DIRECTORY = "it is a directory in the container; give the path of the file itself"
NO_DIRECTORY = "what is to hold the file is no directory in the container"
_REFUSALS = {"cannot overwrite directory": IS_DIRECTORY, "extraction point is not a directory": NO_DIRECTORY}
"""What engines say, with a status of each version's own, and what it means."""


CheckDestination = Callable[[EngineClient, schema.ContainerInspect, str], Awaitable[None]]
"""What refuses a path where the engine would put a file that nobody sees, or makes more than the file (see Dialect)."""


async def copy_file(  # noqa: PLR0913 - a copy has two ends, and a limit
    engine: EngineClient,
    container: str,
    destination: str,
    source: str,
    seconds: float,
    *,
    check_destination: CheckDestination,
) -> None:
    """Copy a regular file to a path in a container, which need not run; PUT /containers/{id}/archive.

    The engine may take so many seconds for each piece and for its answer. A copy that is cancelled in the middle, or
    whose source fails, removes what has arrived, if the container runs and can do that.
    """
    directory, name = _split(destination)
    with open_source(source) as file:
        inspect = await engine.containers.inspect(container)
        await check_destination(engine, inspect, destination)
        upload = _Upload(file.archive(name), seconds)
        try:
            await upload.run(
                lambda: engine.containers.put_archive(inspect.id, directory, upload, replace_directories=False)
            )
        except EngineError as exc:
            _raise_if_refused(exc, destination)
            raise
        except BaseException:
            if upload.begun:
                await shielded(lambda: _remove(engine, container, destination), UNDO_TIME)
            raise


class _Upload:
    """The pieces of an archive on their way, which end early, and in order, when something goes wrong.

    An engine goes on unpacking for a moment after a connection has been cut, and what it unpacks then could not be
    removed; its answer to an archive that ends too soon comes when it is done.
    """

    def __init__(self, pieces: AsyncGenerator[bytes], seconds: float) -> None:
        """Send `pieces`, giving the engine so many seconds for each."""
        self.begun = False
        """Whether the engine may have any of it."""
        self._pieces = pieces
        self._seconds = seconds
        self._scope = anyio.CancelScope(shield=True)
        self._problem: ContainerRuntimeError | None = None
        self._ended = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._pieces) as pieces:
            try:
                async for piece in pieces:
                    if self._ended:
                        return
                    self._give_time(self._seconds)
                    self.begun = True
                    yield piece
            except ContainerRuntimeError as exc:
                self._problem = exc

    async def run(self, put: Callable[[], Awaitable[None]]) -> None:
        """Upload; raise what the engine, or the file, had to say."""
        over = anyio.CancelScope()

        async def upload() -> None:
            with self._scope:
                self._give_time(self._seconds)
                await self._answer(put)
            over.cancel()

        async def end_when_cancelled() -> None:
            with over:
                try:
                    await anyio.sleep_forever()
                finally:
                    self._ended = True
                    self._give_time(min(self._seconds, UNDO_TIME))

        await run_all((upload, end_when_cancelled))
        if self._scope.cancelled_caught:
            raise TimeoutError(f"PUT archive: the engine has taken nothing for {self._seconds:g} s")
        if self._problem is not None:
            raise self._problem

    async def _answer(self, put: Callable[[], Awaitable[None]]) -> None:
        """Wait for the engine's answer; what it says of an archive that has ended early is no news."""
        try:
            await put()
        except EngineError:
            if not (self._ended or self._problem):
                raise

    def _give_time(self, seconds: float) -> None:
        """Let the engine have so many seconds for the next step."""
        self._scope.deadline = anyio.current_time() + seconds


def _split(destination: str) -> tuple[str, str]:
    """Part a file's path in the container into its directory and its name."""
    check_text("destination", destination)
    directory, name = posixpath.split(destination)
    if not directory.startswith("/") or name in {"", ".", ".."}:
        raise InvalidValueError("destination", destination, _ALLOWED)
    return directory, name


async def refuse_hidden(engine: EngineClient, inspect: schema.ContainerInspect, destination: str) -> None:
    """Refuse what Docker would write below a file system in memory, where nobody sees it, and call it done."""
    in_memory = {*IN_MEMORY, *(inspect.host_config.tmpfs or ())}
    await refuse_in(engine, inspect, destination, in_memory)


async def refuse_in(
    engine: EngineClient, inspect: schema.ContainerInspect, destination: str, in_memory: AbstractSet[str]
) -> None:
    """Refuse a path whose file system is one of these, which are in memory."""
    info = await engine.info()
    mounts = in_memory | {mount.destination for mount in inspect.mounts or ()}
    path = PurePosixPath(posixpath.normpath(destination))
    holder = max((mount for mount in mounts if path.is_relative_to(mount)), key=len, default="/")
    if holder in in_memory:
        raise UnsupportedOperationError(info.engine, info.version, f"copying into {holder}, which is in memory")


def _raise_if_refused(error: EngineError, destination: str) -> None:
    """Say what is wrong with a destination, which each version does in words and with a status of its own."""
    for words, allowed in _REFUSALS.items():
        if words in error.message.lower():
            raise InvalidValueError("destination", destination, allowed) from error


async def _remove(engine: EngineClient, container: str, path: str) -> None:
    """Remove the part of a file that has arrived; no engine has a call for that."""
    try:
        result = await execute(engine, container, ExecCmd(["rm", "-f", path]))
        problem = "" if result.ok else f"{result.stdout_text}{result.stderr_text}".strip()
    except (ContainerRuntimeError, TimeoutError) as exc:
        problem = str(exc)
    if problem:
        logger.warning("a part of %s may be left in container %s: %s", path, container, problem)
