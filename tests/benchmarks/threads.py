"""Calls of a blocking client, one at a time or in threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TYPE_CHECKING

from tests.benchmarks.competitor import WARM_UP_CALLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.clock import Clock


def in_threads(clock: Clock, some: Callable[[int], None], calls: int, at_once: int) -> None:
    """Let each of `at_once` threads make some calls; they run and are warm when the clock starts."""
    if at_once == 1:
        some(WARM_UP_CALLS)
        with clock:
            some(calls)
        return
    all_there = Barrier(at_once)

    def warm_up(number: int) -> None:
        all_there.wait()
        some(number)

    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(warm_up, [WARM_UP_CALLS] * at_once))
        with clock:
            list(pool.map(some, [calls] * at_once))
