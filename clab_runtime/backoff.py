"""How long to wait between two looks at what no event tells of."""

from collections.abc import Iterator

FIRST_DELAY, LAST_DELAY = 0.01, 0.5


def growing_delays(first: float = FIRST_DELAY, last: float = LAST_DELAY) -> Iterator[float]:
    """Yield seconds without end: short ones at first, since most is over at once, then ever longer ones."""
    delay = first
    while True:
        yield delay
        delay = min(2 * delay, last)
