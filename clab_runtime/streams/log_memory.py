"""What has been read of a log lately, kept so that nothing of it is told twice when the engine sends it once more.

As long as all goes well the bytes are kept as they came, which costs nothing for each line. Only after a cut they are
counted: a log's file is in one order, so what the engine sends anew begins with what is known, and a piece of which so
many are known is new from the next one on.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final

SECOND: Final = 1_000_000_000
"""Nanoseconds."""

SLACK: Final = SECOND
"""Nanoseconds that are kept besides: what one read brings may not be in the order of time."""

MOST_BYTES: Final = 1024 * 1024
"""Bytes that are kept of a log that is written so fast, if that is still `LEAST_TIME` of it."""

LEAST_TIME: Final = SECOND // 10
"""Nanoseconds by which standard output and standard error may be out of order, with a margin."""

Entry = tuple[Sequence[bytes], bytes]
"""What was left over before a read, and what it brought."""
Count = Callable[[Iterable[Entry]], "Counter[Hashable]"]


class Overlap:
    """What is known of the part of a log that comes once more."""

    def __init__(self, known: "Counter[Hashable]", cursor: int) -> None:
        """Know so many of each piece, none of which was written after `cursor`."""
        self.is_past = False
        self.skipped: Counter[Hashable] = Counter()
        self._known = known
        self._cursor = cursor
        self._is_found = False

    def is_new(self, piece: Hashable, moment: int) -> bool:
        """Tell whether a piece, written at a moment, has not come before.

        What stands before the first known one has: it is older than what is remembered, or than what was wanted.
        """
        if self._known.get(piece, 0):
            self._known[piece] -= 1
            self._is_found = True
            return False
        self.is_past = moment > self._cursor
        if self._is_found or self.is_past:
            return True
        self.skipped[piece] += 1
        return False


class LogMemory:
    """What has come lately: all that was written in the last seconds before the newest of it."""

    def __init__(self, overlap: int, *, fine: bool) -> None:
        """Ask once more for the last `overlap` nanoseconds; `fine`: the engine tells the time to the nanosecond."""
        self.last = 0
        self._overlap_time = overlap
        self._fine = fine
        self._entries: deque[tuple[Entry, int]] = deque()
        self._size = 0
        self._floor = 0
        self._base: Counter[Hashable] | None = None
        self._overlap: Overlap | None = None
        self._asked = 0

    def add(self, before: Sequence[bytes], data: bytes, moment: int) -> None:
        """Keep what a read has brought, the last of which was written at a moment."""
        self._settle()
        self.last = max(self.last, moment)
        self._entries.append(((before, data), moment or self.last))
        self._size += len(data)
        self._trim()

    def clear(self) -> None:
        """Forget all."""
        self.last = self._floor = self._size = 0
        self._entries.clear()

    @property
    def since(self) -> int:
        """The moment, in nanoseconds since the epoch, after which all that came is known; 0: from the beginning."""
        return max(self.last - self._overlap_time, self._floor)

    def overlap(self, count: Count) -> Overlap:
        """Return what is known of what the engine is to send from `since` on."""
        self._settle()
        counted = count(entry for entry, _ in self._entries)
        if self._overlap is not None:
            counted -= self._overlap.skipped  # nobody was told of them
        self._base = counted if self._base is None else self._base | counted  # what came again is not more than it was
        self._entries.clear()
        self._size = 0
        self._asked = self.since
        self._overlap = Overlap(Counter(self._base), self.last)
        return self._overlap

    def _settle(self) -> None:
        """Once all has come anew, what came anew is enough."""
        if self._overlap is not None and self._overlap.is_past and self._base is not None:
            self._base = None
            self._floor = max(self._floor, self._asked)

    def _trim(self) -> None:
        """Forget what no answer will hold any more."""
        entries = self._entries
        while len(entries) > 1 and self._is_old(self.last - entries[0][1]):
            (_, data), moment = entries.popleft()
            self._size -= len(data)
            self._floor = max(self._floor, moment)

    def _is_old(self, age: int) -> bool:
        """Tell whether what is that old, in nanoseconds, need not be kept."""
        return age > self._overlap_time + SLACK or (self._fine and age > LEAST_TIME and self._size > MOST_BYTES)
