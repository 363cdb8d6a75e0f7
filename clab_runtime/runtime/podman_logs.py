"""A container's log on Podman; GET /libpod/containers/{id}/logs.

Podman's own API sends a terminal's output in frames as well, each with its timestamp, where Docker's writes them into
the text. Podman 4 answers a request to follow a log only with its first line: opening looks at the container, and the
answer is waited for with the first line. It also miscounts the last lines of a log (see log_tail): they are counted
here, once, so that what is written later is not taken for them.
"""

from typing import Final

from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.runtime.log_origin import LogOrigin, seconds
from clab_runtime.runtime.log_tail import counts_tails
from clab_runtime.runtime.podman_version import is_since
from clab_runtime.streams.line_decoder import LineDecoder
from clab_runtime.streams.log_memory import SECOND
from clab_runtime.streams.multiplexed_lines import MultiplexedLines

_NO_LOG: Final = frozenset({"none", "passthrough", "passthrough-tty"})
_NANOSECONDS_SINCE: Final = APIVersion(5, 8)


class PodmanLogOrigin(LogOrigin):
    """A log that Podman keeps."""

    answers_late = True
    overlap = SECOND // 2  # one process writes the log, and tells the time as it does
    _tty = False

    async def prepare(self) -> None:
        """Look at the container, and count its lines where Podman can't."""
        inspect = await self._engine.containers.inspect(self._container)
        info = await self._engine.info()
        _check_driver(inspect.host_config.log_config.type, info)
        self._pin(inspect)
        self._tty = inspect.config.tty
        self.fine = is_since(info, _NANOSECONDS_SINCE)
        if self.tail is not None and not counts_tails(info):
            self.skip = max(await self._count() - self.tail, 0)
            self.tail: int | None = None

    def ask(self, *, since: int, tail: int | None, follow: bool) -> RawStream:
        """Prepare a request."""
        until = self._wish.until_seconds
        logs = self._engine.libpod.containers.logs
        return logs(self._container, follow=follow, since=seconds(since), until=until, tail=tail, timestamps=True)

    async def decoder(self, raw: RawStream, *, timestamps: bool) -> LineDecoder:
        """Expect frames."""
        del raw
        return MultiplexedLines(timestamps=timestamps, stamped=True, tty=self._tty)

    async def _count(self) -> int:
        """Count the lines that there are."""
        raw = self.ask(since=self.since, tail=None, follow=False)
        decoder = await self.decoder(raw, timestamps=False)
        count = 0
        try:
            await raw.open()
            while data := await raw.receive():
                count += len(decoder.feed(data))
        finally:
            await raw.aclose()
        return count + len(decoder.finish())


def _check_driver(driver: str, info: EngineInfo) -> None:
    """Refuse a log that is not kept."""
    if driver in _NO_LOG:
        raise UnsupportedOperationError(info.engine, info.version, f"reading a log with the log driver {driver!r}")
