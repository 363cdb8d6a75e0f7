"""What a scenario has to say: its progress, its figures, and what has failed."""

import sys
import time
from collections.abc import Sequence

INTERVAL = 10.0
"""Seconds between two words on the progress."""


class Report:
    """What one scenario tells while it runs on one engine."""

    def __init__(self, heading: str, *, scale: float = 1.0, engines: int = 1, words: Sequence[str] = ()) -> None:
        """Scale the numbers of the scenario down, or up; `words` choose a part of it."""
        self.heading = heading
        self.engines = engines
        self.words = words
        self.figures: list[str] = []
        self.failures: list[str] = []
        self.is_large = scale >= 1
        """Whether it is of the size that its figures are about; a small one runs beside other tests."""
        self._scale = scale
        self._begun = self._last = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    def scaled(self, number: int) -> int:
        """Return how many there are to be of something."""
        return max(1, round(number * self._scale))

    def progress(self, words: str) -> None:
        """Say how far it is, every few seconds."""
        if time.monotonic() - self._last > INTERVAL:
            self._last = time.monotonic()
            self._say(words)

    def detail(self, words: str) -> None:
        """Say what is of interest only when something is wrong."""
        self._say(words)

    def figure(self, words: str) -> None:
        """Note a figure."""
        self.figures.append(words)
        self._say(words)

    def check(self, holds: object, failure: str) -> None:
        """Note a failure unless something holds; the scenario goes on."""
        if not holds:
            self.failures.append(failure)
            self._say(f"FAILED: {failure}")

    def _say(self, words: str) -> None:
        sys.stdout.write(f"[{self.heading}, {self.elapsed:.0f} s] {words}\n")
        sys.stdout.flush()
