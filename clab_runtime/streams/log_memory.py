"""What has been read of a log lately, kept so that nothing of it is told twice when the engine sends it once more.

As long as all goes well the bytes are kept as they came, which costs nothing for each line. Only after a cut they are
counted: a log's file is in one order, so what the engine sends anew begins with what is known, and a piece of which so
many are known is new from the next one on.
"""

from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Final, Protocol

SECOND: Final = 1_000_000_000
"""Nanoseconds."""

SLACK: Final = SECOND
"""Nanoseconds that are kept besides: what one read brings may not be in the order of time."""

MOST_BYTES: Final = 1024 * 1024
"""Bytes that are kept of a log that is written so fast, if that is still `LEAST_TIME` of it."""

PORTION: Final = 16 * 1024
"""Bytes that are kept or forgotten together: a fast log comes in many small reads, each of which is to cost little."""

LEAST_TIME: Final = SECOND // 10
"""Nanoseconds by which standard output and standard error may be out of order, with a margin."""

Entry = tuple[Sequence[bytes], bytes]
"""What was left over before a read, and what it brought."""
Count = Callable[[Iterable[Entry]], "Counter[Hashable]"]


class Dated(Protocol):
    """What knows when the last of what was read was written."""

    @property
    def last(self) -> int:
        """The moment, in nanoseconds since the epoch; 0: not known."""
        ...


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
        self._overlap_time = overlap
        self._fine = fine
        self._last = 0
        self._portions: deque[tuple[list[Entry], int, int]] = deque()
        """Each with its size, and the moment before which all of it was written."""
        self._size = 0
        self._portion: list[Entry] = []
        self._portion_size = 0
        self._reader: Dated | None = None
        self._floor = 0
        self._base: Counter[Hashable] | None = None
        self._overlap: Overlap | None = None
        self._asked = 0

    def add(self, before: Sequence[bytes], data: bytes, reader: Dated) -> None:
        """Keep what a read has brought; `reader` is asked for its moment once there is enough for a portion."""
        self._settle()
        self._portion.append((before, data))
        self._portion_size += len(data)
        self._reader = reader
        if self._portion_size >= PORTION:
            self._close_portion()

    def clear(self) -> None:
        """Forget all."""
        self._last = self._floor = self._size = self._portion_size = 0
        self._portion = []
        self._portions.clear()

    @property
    def last(self) -> int:
        """When the newest of all was written, in nanoseconds since the epoch; 0: nothing has come."""
        self._close_portion()
        return self._last

    @property
    def since(self) -> int:
        """The moment, in nanoseconds since the epoch, after which all that came is known; 0: from the beginning."""
        return max(self.last - self._overlap_time, self._floor)

    def overlap(self, count: Count) -> Overlap:
        """Return what is known of what the engine is to send from `since` on."""
        self._settle()
        last = self.last
        counted = count(entry for portion, _, _ in self._portions for entry in portion)
        if self._overlap is not None:
            counted -= self._overlap.skipped  # nobody was told of them
        self._base = counted if self._base is None else self._base | counted  # what came again is not more than it was
        self._portions.clear()
        self._size = 0
        self._asked = self.since
        self._overlap = Overlap(Counter(self._base), last)
        return self._overlap

    def _settle(self) -> None:
        """Once all has come anew, what came anew is enough."""
        if self._overlap is not None and self._overlap.is_past and self._base is not None:
            self._base = None
            self._floor = max(self._floor, self._asked)

    def _close_portion(self) -> None:
        """Note when the last of what came lately was written, and forget what no answer will hold any more."""
        if self._reader is None or not self._portion:
            return
        moment = self._reader.last
        self._last = max(self._last, moment)
        self._portions.append((self._portion, self._portion_size, moment or self._last))
        self._size += self._portion_size
        self._portion, self._portion_size = [], 0
        self._trim()

    def _trim(self) -> None:
        """Forget what is old."""
        portions = self._portions
        while len(portions) > 1 and self._is_old(self._last - portions[0][2]):
            _, size, moment = portions.popleft()
            self._size -= size
            self._floor = max(self._floor, moment)

    def _is_old(self, age: int) -> bool:
        """Tell whether what is that old, in nanoseconds, need not be kept."""
        return age > self._overlap_time + SLACK or (self._fine and age > LEAST_TIME and self._size > MOST_BYTES)
