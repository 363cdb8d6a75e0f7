"""How long to wait between two looks at what no event tells of."""

from collections.abc import Iterator

FIRST_DELAY, LAST_DELAY = 0.01, 0.5


def growing_delays(first: float = FIRST_DELAY, last: float = LAST_DELAY) -> Iterator[float]:
    """Yield seconds without end: short ones at first, since most is over at once, then ever longer ones."""
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, last)


class Delays:
    """Growing delays, which are short again whenever there is hope."""

    def __init__(self) -> None:
        """Begin with a short one."""
        self._left = growing_delays()

    def next(self) -> float:
        """Return the seconds to wait this time."""
        return next(self._left)

    def restart(self) -> None:
        """Begin anew."""
        self._left = growing_delays()
