"""How often a stream that goes on is read: waking up for each of many small pieces costs more than all that is in them.

Pieces that come faster than they can be awaited one by one gather in the kernel for a millisecond. But it keeps only
some 250 of them, however small they are, and then holds the engine back: where a gathering has brought much, the engine
is so fast that the pieces gather by themselves while the last ones are worked on, and reading goes on at once.
"""

import time

import anyio

GATHERING_TIME = 0.001
"""Seconds that pieces may gather; no event loop on epoll sleeps for less."""

MUCH = 8192
"""Bytes after which a gathering may have filled the kernel's buffer."""

READS_AT_ONCE = 12
"""Reads without a gathering, until another one is tried: so few that most of a fast log comes gathered, so many that
the engine makes up for the time that it was held back."""


class Pace:
    """Tell, before each read of a stream, whether to let more gather first."""

    __slots__ = ("_asked", "_at_once", "_gather", "_gathered")

    def __init__(self) -> None:
        """Begin by reading at once."""
        self._gather = self._gathered = False
        self._at_once = 0
        self._asked = 0.0

    async def before_read(self) -> None:
        """Wait if that is better for all; once cancelled, not again, or an impatient caller would never read."""
        self._gathered, self._gather = self._gather, False
        if self._gathered:
            await anyio.sleep(GATHERING_TIME)
        self._asked = time.monotonic()

    def after_read(self, size: int) -> None:
        """Take note of how many bytes have come, and whether they had to be waited for."""
        if self._gathered and size > MUCH:
            self._at_once = READS_AT_ONCE
        self._at_once = max(self._at_once - 1, 0)
        self._gather = not self._at_once and time.monotonic() - self._asked < GATHERING_TIME / 2
