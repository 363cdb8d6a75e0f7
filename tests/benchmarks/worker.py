"""A competitor's own process: `python -m tests.benchmarks.worker NAME` does the jobs that it reads, a JSON line each.

It answers two lines per job: one when the clock starts, and one with the outcome. It ends with its input; a job that
hangs ends it too.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from tests.benchmarks.clock import Clock
from tests.benchmarks.competitor import make_competitor

if TYPE_CHECKING:
    from tests.benchmarks.competitor import Competitor

_LIMIT = 120
"""Seconds that a job may take."""


def main() -> None:
    """Do jobs until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    competitor = make_competitor(sys.argv[1])
    for line in sys.stdin:
        signal.alarm(_LIMIT)
        clock = Clock(lambda: _say("started"))
        outcome = do(competitor, clock, json.loads(line))
        signal.alarm(0)
        _say({"wall": clock.wall, "cpu": clock.cpu, "outcome": outcome})


def do(competitor: Competitor, clock: Clock, job: list[Any]) -> object:
    """Do a job: the method's name and its arguments."""
    name, *arguments = job
    return getattr(competitor, name)(clock, *arguments)


def _say(message: object) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
