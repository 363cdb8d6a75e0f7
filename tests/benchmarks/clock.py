"""A clock of wall and CPU time, which says when it starts."""

from __future__ import annotations

import gc
import resource
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable


class Clock:
    """Measure what happens in a `with` block; what is waste of earlier jobs is collected before."""

    def __init__(self, announce: Callable[[], object] = lambda: None) -> None:
        """Call `announce` right before the clock starts."""
        self.wall = 0.0
        self.cpu = 0.0
        self._announce = announce

    def __enter__(self) -> Self:
        gc.collect()
        self._announce()
        self.wall, self.cpu = -time.perf_counter(), -_cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall += time.perf_counter()
        self.cpu += _cpu()


def _cpu() -> float:
    """Return the CPU seconds of this process and of its children that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
