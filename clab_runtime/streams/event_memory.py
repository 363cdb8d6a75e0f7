"""Which events have been seen: so that one that comes again is told once, and what is missing is noticed.

Nothing here reads or waits; the reader tells what comes.

An engine tells a new connection what has happened since a moment, but only as far back as it remembers. The anchor rule
says whether that is far enough: it is asked from a little before the last event that was seen, the anchor. Where an
event comes again that was seen before, nothing between is missing, since engines forget the oldest first. Where the
first one is newer than the last that was seen, or none comes at all, there is a gap.
"""

from typing import Final

import msgspec

from clab_runtime.engine import schema

REMEMBERED: Final = 20_000
"""Events that are known again: more than Podman's log of 1 MB holds before it is cut, or Docker's 256."""

Identity = tuple[str, str, str, int, str, str]

_SECOND: Final = 1_000_000_000


class EventHistory(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine remembers of its events."""

    is_log: bool
    """Whether it is a log that outlasts the engine; else it is short, and lost when the engine ends."""
    overlap: int
    """Nanoseconds by which an event may be written later than one that happened after it."""
    loss: str
    """Why events may be missing, in words for people."""


class Span(msgspec.Struct, frozen=True):
    """A time whose events are missing, in nanoseconds since 1970 on the engine's clock."""

    since: int
    until: int


def moment_of(event: schema.Event) -> int:
    """Tell when an event happened, in nanoseconds since 1970."""
    return event.time_nano or event.time * _SECOND


def identity(event: schema.Event) -> Identity:
    """Tell what an event is known by; several commands may end, or containers be connected, at one moment."""
    attributes = event.actor.attributes or {}
    more = attributes.get("execID", ""), attributes.get("container", "")
    return event.type, event.actor.id, event.action, event.time_nano, *more


class EventMemory:
    """The last events that were seen, over all connections."""

    def __init__(self, history: EventHistory, begun: int, size: int = REMEMBERED) -> None:
        """Begin to listen at a moment, in nanoseconds since 1970 on the engine's clock; remember `size` events."""
        self._history = history
        self._begun = begun
        self._size = size
        self._seen: dict[Identity, None] = {}
        self._last: int | None = None
        self._anchored = True

    def since(self, now: int) -> int:
        """Tell from which moment to ask for events; `now` is on the engine's clock, which may have been set back."""
        if self._last is not None:
            return max(min(self._last, now) - self._history.overlap, 0)
        return max(self._begun - self._history.overlap, 0) if self._history.is_log else 0

    def resume(self) -> None:
        """Be told that a further connection begins: an anchor is needed, but for a log that had nothing to tell yet."""
        self._anchored = self._history.is_log and self._last is None

    def take(self, event: schema.Event) -> tuple[bool, Span | None]:
        """Tell whether an event is new, and which time before it is missing."""
        key = identity(event)
        if event.time_nano and key in self._seen:
            self._anchored = True
            return False, None
        moment, last = moment_of(event), self._last
        self._remember(key)
        if not self._anchored and last is not None and moment <= last:
            return True, None  # it was overtaken by the last one that was seen, and says nothing of what came after
        self._last = moment
        return True, self._missing(moment, last)

    def forget(self, event: schema.Event) -> None:
        """Not have seen an event after all."""
        self._seen.pop(identity(event), None)

    def settle(self, now: int) -> Span | None:
        """Be told that nothing more has come for a while, and tell which time is missing."""
        return self._missing(now, self._last)

    def _missing(self, moment: int, last: int | None) -> Span | None:
        """Tell the time that is missing before a moment, once for a connection."""
        if self._anchored:
            return None
        self._anchored = True
        since = self._begun if last is None else last
        return Span(min(since, moment), moment)

    def _remember(self, key: Identity) -> None:
        """Remember an event, and forget the oldest one where there are too many."""
        self._seen[key] = None
        if len(self._seen) > self._size:
            del self._seen[next(iter(self._seen))]
