"""What each competitor can do; each job starts the clock itself once it is ready and warm."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from tests.benchmarks.clock import Clock

WARM_UP_CALLS = 3
"""Calls of each task or thread before the clock starts."""

SETTLING_TIME = 0.3
"""Seconds between a subscription to events and the first of them, for clients that can't tell when they listen."""

OURS = "ours"
_PLACES = {
    OURS: "ours:Ours",
    "raw": "ours:Raw",
    "aiodocker": "peers:Aiodocker",
    "docker_py": "peers:DockerPy",
    "bare": "limits:Bare",
    "curl": "limits:Curl",
}


class Competitor(Protocol):
    """A client of the engine at work."""

    def inspect(self, clock: Clock, container: str, calls: int, at_once: int) -> None:
        """Inspect a container `calls` times in each of `at_once` tasks or threads."""
        ...

    def logs(self, clock: Clock, container: str) -> tuple[int, int]:
        """Read a log line by line; return how many lines and bytes there are, line ends counted."""
        ...

    def events(self, clock: Clock, count: int) -> tuple[str, str]:
        """Receive events of containers; return the exec ids that the first and the last one name."""
        ...

    def execute(self, clock: Clock, container: str, calls: int) -> None:
        """Run `true` in a container `calls` times, one after the other, each to its exit code."""
        ...

    def list_lab(self, clock: Clock, lab: str, calls: int) -> tuple[int, int]:
        """List a lab's containers `calls` times; return how many there are, and the requests that one list takes."""
        ...

    def make_events(self, clock: Clock, container: str, count: int) -> tuple[str, str]:
        """Make events of a container happen; return the exec ids that the first and the last one name."""
        ...


def make_competitor(name: str) -> Competitor:
    """Make a competitor, importing what it needs and nothing else; the limits can do some of the jobs only."""
    module, _, class_name = _PLACES[name].partition(":")
    return cast("Competitor", getattr(importlib.import_module(f"tests.benchmarks.{module}"), class_name)())
