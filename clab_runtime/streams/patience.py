"""How long a stream goes on asking an engine that has gone away."""

import time
from collections.abc import Iterator
from itertools import chain
from typing import Final

from clab_runtime.backoff import growing_delays
from clab_runtime.errors import EngineConnectionError, EngineProtocolError

GIVE_UP_AFTER: Final = 60.0
"""Seconds for which an engine may be away."""

FIRST_PAUSE, LAST_PAUSE = 0.05, 2.0
"""Seconds between two tries; the first one is made at once."""

STEADY: Final = 5.0
"""Seconds after which a connection is a good one, though nothing has come over it."""

CUTS = (EngineProtocolError, EngineConnectionError, TimeoutError)
"""What a connection that is lost, or can't be had, raises."""


class Patience:
    """Try again at once, then ever more slowly, and give up when nothing has helped for so long."""

    def __init__(self, give_up_after: float) -> None:
        """Give up after so many seconds; 0: at the first cut."""
        self._give_up_after = give_up_after
        self._lost_at: float | None = None
        self._answered_at: float | None = None
        self._pauses: Iterator[float] = iter(())

    def lose(self, exc: Exception) -> float:
        """Take note of a cut, and tell after how many seconds to try again.

        Raises it when there have been nothing but cuts for too long.
        """
        now = time.monotonic()
        was_steady = self._answered_at is not None and now - self._answered_at > STEADY
        self._answered_at = None
        if self._lost_at is None or was_steady:
            self._lost_at = now
            self._pauses = chain((0.0,), growing_delays(FIRST_PAUSE, LAST_PAUSE))
        if now - self._lost_at >= self._give_up_after:
            raise exc
        return next(self._pauses)

    def answered(self) -> None:
        """Take note of an answer's beginning, which may be all that is good about it."""
        self._answered_at = time.monotonic()

    def found(self) -> None:
        """Take note of something that makes sense: the engine is there."""
        self._lost_at = None
