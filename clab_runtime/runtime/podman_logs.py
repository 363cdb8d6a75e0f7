"""Reading a container's log from Podman; GET /containers/{id}/logs.

Podman 4 answers a request to follow a log only with its first line: opening looks at the container, and the answer is
waited for with the first line. It also miscounts the last lines of a log (see log_tail): they are counted here, once,
so that what is written later is not taken for them.
"""

import re
from collections.abc import Iterable
from typing import Final

import anyio
from msgspec import structs

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import LogLine
from clab_runtime.runtime.log_tail import counts_tails
from clab_runtime.runtime.log_window import LogWindow
from clab_runtime.stream import Stream
from clab_runtime.streams.logs import LogSource

_TIMESTAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?)(?:Z|[+-]\d\d:\d\d) ")
_NO_LOG: Final = frozenset({"none", "passthrough", "passthrough-tty"})


def read_logs(
    engine: EngineClient, container: str, window: LogWindow, *, follow: bool, timestamps: bool
) -> Stream[LogLine]:
    """Prepare a stream of lines."""
    return Stream(PodmanLogSource(engine, container, window, follow=follow, timestamps=timestamps))


def without_further_timestamps(text: bytes, timestamp: bytes) -> bytes:
    """Take out the timestamps before the further pieces of a terminal's line, which Podman ends anywhere.

    One that is before the line's own is none of Podman's; neither is one with nothing before it.
    """
    own = _TIMESTAMP.match(timestamp + b" ")

    def kept(found: re.Match[bytes]) -> bytes:
        return b"" if own and found.start() and found[1] >= own[1] else found[0]

    return _TIMESTAMP.sub(kept, text)


class PodmanLogSource:
    """The lines of a log that Podman sends."""

    def __init__(
        self, engine: EngineClient, container: str, window: LogWindow, *, follow: bool, timestamps: bool
    ) -> None:
        """Read the part of the container's log that the window shows."""
        self._engine = engine
        self._container = container
        self._window = window
        self._follow = follow
        self._timestamps = timestamps
        self._tty = False
        self._source: LogSource | None = None
        self._answered = False
        self._answering: anyio.CancelScope | None = None
        self._skip = 0

    async def open(self) -> None:
        """Look at the container, and prepare the request."""
        inspect = await self._engine.containers.inspect(self._container)
        info = await self._engine.info()
        _check_driver(inspect.host_config.log_config.type, info)
        self._tty = inspect.config.tty
        window = self._window
        if window.tail is not None and not counts_tails(info):
            window = structs.replace(window, tail=None)
            self._skip = max(await self._count(window) - (self._window.tail or 0), 0)
        self._source = self._prepare(window, follow=self._follow)

    async def next_batch(self) -> Iterable[LogLine] | None:
        """Return the lines in the next piece; for the answer itself, being closed ends the wait."""
        if self._source is None or not (self._answered or await self._answer(self._source)):
            return None
        lines = await self._source.next_batch()
        return self._behind(lines) if lines is not None and self._skip else lines

    async def aclose(self) -> None:
        """Close the answer."""
        if self._answering is not None:
            self._answering.cancel()
        if self._source is not None:
            await self._source.aclose()

    async def _answer(self, source: LogSource) -> bool:
        """Wait for the answer; cancelled, it loses nothing, for not a line has come."""
        with anyio.CancelScope() as self._answering:
            await source.open()
            self._answered = True
        return self._answered

    def _prepare(self, window: LogWindow, *, follow: bool) -> LogSource:
        """Prepare to read a part of the log."""

        async def has_tty() -> bool:
            return self._tty

        raw = window.logs(self._engine, self._container, follow=follow, timestamps=self._timestamps)
        return LogSource(raw, has_tty, timestamps=self._timestamps, unstamped=without_further_timestamps)

    async def _count(self, window: LogWindow) -> int:
        """Count the lines that there are."""
        count = 0
        async with Stream(self._prepare(window, follow=False)) as log:
            async for _ in log:
                count += 1
        return count

    def _behind(self, lines: Iterable[LogLine]) -> Iterable[LogLine]:
        """Leave out the lines that are not to be seen."""
        for line in lines:
            if self._skip:
                self._skip -= 1
            else:
                yield line


def _check_driver(driver: str, info: EngineInfo) -> None:
    """Refuse a log that is not kept."""
    if driver in _NO_LOG:
        raise UnsupportedOperationError(info.engine, info.version, f"reading a log with the log driver {driver!r}")
