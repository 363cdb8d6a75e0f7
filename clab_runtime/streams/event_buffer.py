"""The events that wait for one consumer: at most so many, and what is done with more."""

from collections import deque
from datetime import datetime
from typing import Final

from clab_runtime.errors import EventOverflowError
from clab_runtime.models import ContainerEvent, EventGap, EventStreamOptions, Overflow

TOO_SLOW: Final = "more events came than the buffer has room for: read faster, or give a larger buffer"


class EventBuffer:
    """Events and gaps in the order of their coming; gaps take no room, since none stands beside another."""

    def __init__(self, options: EventStreamOptions, begun: datetime) -> None:
        """Be for a stream that begins at a moment."""
        self._size = options.buffer
        self._overflow = options.overflow
        self._items: deque[ContainerEvent] = deque()
        self._events = 0
        self._before = begun
        self._is_over = False

    @property
    def has_something(self) -> bool:
        """Whether `take` would not come in vain."""
        return bool(self._items) or self._is_over

    def put(self, event: ContainerEvent) -> None:
        """Add an event or a gap."""
        if self._is_over:
            return
        if isinstance(event, EventGap):
            self._put_gap(event)
        elif self._events < self._size:
            self._append(event)
        elif self._overflow is Overflow.DROP_OLDEST:
            self._drop_oldest()
            self._append(event)
        elif self._overflow is Overflow.DROP_NEWEST:
            self._put_gap(_without(event, self._items[-1].timestamp))
        else:
            self._is_over = True

    def take(self) -> ContainerEvent:
        """Return the oldest one; raise EventOverflowError behind the last one before there was too much."""
        if not self._items:
            raise EventOverflowError(self._size)
        item = self._items.popleft()
        self._events -= not isinstance(item, EventGap)
        self._before = item.timestamp
        return item

    def _append(self, event: ContainerEvent) -> None:
        """Add an event that there is room for."""
        self._items.append(event)
        self._events += 1

    def _put_gap(self, gap: EventGap) -> None:
        """Add a gap, or make the last one longer."""
        if self._items and isinstance(last := self._items[-1], EventGap):
            self._items[-1] = _joined(last, gap)
        else:
            self._items.append(gap)

    def _drop_oldest(self) -> None:
        """Put a gap in the place of the oldest event and of the gaps around it."""
        before = self._pop_gap()
        gap = _without(self._items.popleft(), before.since if before else self._before)
        self._events -= 1
        after = self._pop_gap()
        for other in filter(None, (before, after)):
            gap = _joined(other, gap)
        self._items.appendleft(gap)

    def _pop_gap(self) -> EventGap | None:
        """Take a gap off the front, if there is one."""
        if self._items and isinstance(first := self._items[0], EventGap):
            self._items.popleft()
            return first
        return None


def _without(event: ContainerEvent, since: datetime) -> EventGap:
    """Make the gap that an event leaves which is dropped."""
    return EventGap(
        since=min(since, event.timestamp), timestamp=event.timestamp, time_nano=event.time_nano, reason=TOO_SLOW
    )


def _joined(one: EventGap, other: EventGap) -> EventGap:
    """Make one gap of two with no event between them, whose reasons may differ."""
    last = max(one, other, key=lambda gap: gap.timestamp)
    return EventGap(
        since=min(one.since, other.since),
        timestamp=last.timestamp,
        time_nano=last.time_nano,
        reason=one.reason if other.reason in one.reason else f"{one.reason}; {other.reason}",
    )
