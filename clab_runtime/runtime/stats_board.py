"""Where the measurements of a stream are put down: the latest of each container, until the consumer takes it.

What puts them there (a task in the background) never waits for the consumer, and what takes them never waits long for
the others: nothing queues up.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import anyio
from msgspec import structs

from clab_runtime.models import ContainerStats
from clab_runtime.models.timestamps import from_nanoseconds

_EARLY: Final = 0.9
"""The part of the interval that must have passed since the last measurement: engines' own clocks are not that exact."""


def cpu_percent(before: ContainerStats | None, now: ContainerStats) -> float | None:
    """Tell the processor's share between two measurements; None where they don't belong together.

    The counter goes back when the container is started again, and the clock when somebody sets it.
    """
    if before is None:
        return None
    passed, used = now.time_nano - before.time_nano, now.cpu_total_ns - before.cpu_total_ns
    return 100 * used / passed if passed > 0 and used >= 0 else None


class Part:
    """One container of a stream."""

    def __init__(self, container: str, name: str, full_id: str) -> None:
        """Begin without a measurement; `container` is what the consumer calls it."""
        self.id = full_id
        self.ended = False
        self._container = container
        self._name = name
        self._last: ContainerStats | None = None

    def next(self, figures: ContainerStats, interval: float) -> ContainerStats | None:
        """Give a measurement its names and the processor's share; None: it comes too early after the last one."""
        last = self._last
        if last is not None and 0 <= figures.time_nano - last.time_nano < _EARLY * interval * 1e9:
            return None
        self._last = self._named(structs.replace(figures, cpu_percent=cpu_percent(last, figures)))
        return self._last

    def end(self) -> ContainerStats:
        """Make the last item; without a measurement all its figures are zeros, and its time is the epoch's."""
        self.ended = True
        last = self._last or self._named(ContainerStats(container="", timestamp=from_nanoseconds(0), time_nano=0))
        return structs.replace(last, ended=True, cpu_percent=None)

    def _named(self, figures: ContainerStats) -> ContainerStats:
        """Say whose figures they are."""
        return structs.replace(figures, container=self._container, name=self._name, id=self.id)


class StatsBoard:
    """The latest item of each container that the consumer has not taken yet, in the order in which they came."""

    def __init__(self, parts: Iterable[Part], interval: float) -> None:
        """Expect measurements of these containers, so many seconds apart."""
        self.interval = interval
        self._parts = tuple(parts)
        self._waiting: dict[str, ContainerStats] = {}
        self._changed = anyio.Event()
        self._failure: Exception | None = None
        self._complete = False

    @property
    def running(self) -> Sequence[Part]:
        """The containers that have not ended."""
        return [part for part in self._parts if not part.ended]

    def put(self, part: Part, figures: ContainerStats) -> None:
        """Put a measurement down, in the place of one that nobody has taken."""
        if (item := part.next(figures, self.interval)) is not None:
            self._waiting[part.id] = item
            self._tell()

    def end(self, part: Part) -> None:
        """Note that a container has ended: that is its last item."""
        self._waiting[part.id] = part.end()
        self._tell()

    def complete(self, failure: Exception | None = None) -> None:
        """Note that nothing comes any more, and why."""
        self._complete = True
        self._failure = failure
        self._tell()

    async def take(self) -> Sequence[ContainerStats] | None:
        """Wait for an item; None behind the last one. Raises what the measuring failed of."""
        while not self._waiting:
            if self._failure is not None:
                raise self._failure
            if self._complete:
                return None
            await self._changed.wait()
        return (self._waiting.pop(next(iter(self._waiting))),)

    def _tell(self) -> None:
        """Wake up whoever waits."""
        self._changed.set()
        self._changed = anyio.Event()
