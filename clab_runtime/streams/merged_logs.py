"""The logs of many containers as one, in the order of time.

Each is read by a task of its own, a few pieces ahead. A line is given when every other container has said something
later or has ended. Where logs are followed nobody waits for the silent: a container that has said nothing for a moment
holds up no line but what was written just now, and that only for such a moment.
"""

import time
from collections import deque
from collections.abc import Iterable, Sequence
from functools import partial
from heapq import heapify, heappop, heapreplace
from typing import Final

import anyio

from clab_runtime.engine.background import Background
from clab_runtime.engine.tasks import run_all, shielded
from clab_runtime.models import ContainerLogLine, LogLine
from clab_runtime.models.timestamps import to_nanoseconds
from clab_runtime.stream import Source
from clab_runtime.streams.log_memory import SECOND

HOLD: Final = 0.2
"""Seconds after which a container that has said nothing is silent, and for which a new line waits for the others."""

OLD: Final = SECOND
"""Nanoseconds after which a line was not written just now."""

MOST_LINES: Final = 4000
"""Lines of one container that are read ahead, to the end of a piece."""

MOST_AT_ONCE: Final = 1000
"""Lines in a batch."""


class _Voice:
    """One container: what it has said and nobody has been told."""

    def __init__(self, name: str, source: Source[LogLine]) -> None:
        self.name = name
        self.source = source
        self.lines: deque[tuple[int, float, LogLine]] = deque()
        self.ended = False
        self.error: Exception | None = None
        self.silent_since = 0.0
        self.has_room = anyio.Event()
        self._last = 0

    def hear(self, lines: Iterable[LogLine]) -> None:
        """Take lines, each with its moment, in nanoseconds, and its arrival; they stay in the order they came in."""
        now = time.monotonic()
        for line in lines:
            self._last = max(self._last, to_nanoseconds(line.timestamp or ""))
            self.lines.append((self._last, now, line))

    def take(self) -> LogLine:
        """Give away the first line."""
        line = self.lines.popleft()[2]
        if not self.lines:
            self.silent_since = time.monotonic()
        if len(self.lines) < MOST_LINES:
            self.has_room.set()
        return line


class MergedLogs:
    """The lines of many logs, whose lines have timestamps."""

    def __init__(self, sources: Sequence[tuple[str, Source[LogLine]]], *, follow: bool, timestamps: bool) -> None:
        """Read logs by their containers' names; the lines keep their timestamps only with `timestamps`."""
        self._voices = [_Voice(name, source) for name, source in sources]
        self._follow = follow
        self._timestamps = timestamps
        self._news = anyio.Event()
        self._reading: Background | None = None
        self._closed = False

    async def open(self) -> None:
        """Open all logs, and begin to read them; the first error is raised, and nothing is left open."""
        try:
            await run_all(voice.source.open for voice in self._voices)
        except BaseException:
            await shielded(self._let_go)
            raise
        now = time.monotonic()
        for voice in self._voices:
            voice.silent_since = now
        self._reading = Background(self._read_all, "clab_runtime: reading logs")

    async def next_batch(self) -> list[ContainerLogLine] | None:
        """Return the lines whose turn it is; raise a log's error behind its lines."""
        while not self._closed:
            self._news = anyio.Event()
            if lines := self._due():
                return lines
            for voice in self._voices:
                if voice.error is not None and not voice.lines:
                    raise voice.error
            if all(voice.ended and not voice.lines for voice in self._voices):
                return None
            with anyio.move_on_after(self._wait()):
                await self._news.wait()
        return None

    async def aclose(self) -> None:
        """Stop reading, and close all logs."""
        self._closed = True
        self._news.set()
        await shielded(self._let_go)

    # ------------------------------------------------------------ reading

    async def _read_all(self) -> None:
        """Read all logs at once."""
        await run_all(partial(self._read, voice) for voice in self._voices)

    async def _read(self, voice: _Voice) -> None:
        """Read one log to its end."""
        try:
            while (lines := await voice.source.next_batch()) is not None:
                voice.hear(lines)
                self._news.set()
                while len(voice.lines) >= MOST_LINES:
                    voice.has_room = anyio.Event()
                    await voice.has_room.wait()
        except Exception as exc:  # noqa: BLE001 - raised to the one who reads the lines
            voice.error = exc
        voice.ended = True
        self._news.set()

    async def _let_go(self) -> None:
        """Stop reading, and close all logs."""
        if self._reading is not None:
            await self._reading.stop()
        await run_all(voice.source.aclose for voice in self._voices)

    # ------------------------------------------------------------ merging

    def _due(self) -> list[ContainerLogLine]:
        """Take the lines whose turn it is."""
        heap = [(voice.lines[0][0], index) for index, voice in enumerate(self._voices) if voice.lines]
        heapify(heap)
        due: list[ContainerLogLine] = []
        waiting, now, old = self._waiting(), time.monotonic(), time.time_ns() - OLD
        while heap and len(due) < MOST_AT_ONCE:
            moment, index = heap[0]
            voice = self._voices[index]
            if waiting and not self._may_pass(moment, voice.lines[0][1], waiting, now, old):
                break
            due.append(self._named(voice, voice.take()))
            if voice.lines:
                heapreplace(heap, (voice.lines[0][0], index))
            else:
                heappop(heap)
                waiting = self._waiting()
        return due

    def _waiting(self) -> list[_Voice]:
        """Find who may yet say something that comes first."""
        return [voice for voice in self._voices if not (voice.lines or voice.ended)]

    def _may_pass(self, moment: int, arrival: float, waiting: list[_Voice], now: float, old: int) -> bool:
        """Tell whether a line waits no more for those who have said nothing."""
        if not self._follow or any(now - voice.silent_since < HOLD for voice in waiting):
            return False
        return moment <= old or now - arrival >= HOLD

    def _wait(self) -> float | None:
        """Tell for how many seconds nothing changes unless somebody speaks; None: for ever."""
        arrivals = [voice.lines[0][1] for voice in self._voices if voice.lines]
        if not self._follow or not arrivals:
            return None
        now = time.monotonic()
        begun = max([min(arrivals), *(voice.silent_since for voice in self._waiting())])
        return max(begun + HOLD - now, 0.001)

    def _named(self, voice: _Voice, line: LogLine) -> ContainerLogLine:
        """Say whose line it is."""
        return ContainerLogLine(line.stream, line.data, line.timestamp if self._timestamps else None, voice.name)
