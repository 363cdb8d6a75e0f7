"""What is measured, and how often: each scenario makes its containers and lets the competitors take turns."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.clock import Clock
from tests.benchmarks.competitor import OURS
from tests.benchmarks.fixtures import LINE_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.fixtures import Fixtures
    from tests.benchmarks.workers import Workers

BARE = "bare"
RAW = "raw"
LOG_LIMIT = "curl" if shutil.which("curl") else BARE
"""Who shows how fast a log can be at best."""

_CLIENTS = (OURS, "aiodocker", "docker_py")
_LINES, _WARM_UP_LINES = 1_000_000, 10_000
_EVENTS, _WARM_UP_EVENTS = 10_000, 100
_CALLS, _EXECS, _IMPORTS = {1: 400, 20: 80}, 20, 9
_LISTED, _RUNNING, _LISTS = 300, 60, 5
_PACKAGES = {OURS: "clab_runtime", "aiodocker": "aiodocker", "docker_py": "docker"}
_NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Sample:
    """What one turn took, in seconds, for so many calls, lines or events."""

    wall: float
    cpu: float
    units: int = 1


Samples = dict[str, list[Sample]]
"""The turns of each competitor."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What all scenarios share."""

    fixtures: Fixtures
    workers: Workers
    repetitions: int

    def turns(self, names: Sequence[str], turn: Callable[[str], Sample], repetitions: int = 0) -> Samples:
        """Let all take a turn in each repetition, each time another one first."""
        samples: Samples = {name: [] for name in names}
        for repetition in range(repetitions or self.repetitions):
            first = repetition % len(names)
            for name in (*names[first:], *names[:first]):
                samples[name].append(turn(name))
        return samples


def unary(bench: Bench, at_once: int) -> Samples:
    """Inspect a running container; turns are short, so there are three times as many."""
    container = bench.fixtures.sleeper(f"unary-{at_once}")
    calls = _CALLS[at_once]

    def turn(name: str) -> Sample:
        measured = bench.workers[name].run("inspect", container, calls, at_once)
        return Sample(measured.wall, measured.cpu, calls * at_once)

    names = (*_CLIENTS, BARE)
    bench.turns(names, turn, 1)
    return bench.turns(names, turn, 3 * bench.repetitions)


def logs(bench: Bench) -> Samples:
    """Read a whole log; nobody may miss a line or a byte."""
    short = bench.fixtures.writer("logs-short", _WARM_UP_LINES)
    full = bench.fixtures.writer("logs", _LINES)

    def read(name: str, container: str, lines: int) -> Sample:
        measured = bench.workers[name].run("logs", container)
        _expect(f"{name}: lines and bytes of the log", measured.outcome, [lines, lines * LINE_SIZE])
        return Sample(measured.wall, measured.cpu, lines)

    names = (LOG_LIMIT, *_CLIENTS)  # the limit right before ours: their ratio is the one that noise would spoil
    bench.turns(names, lambda name: read(name, short, _WARM_UP_LINES), 1)
    read(LOG_LIMIT, full, _LINES)
    return bench.turns(names, lambda name: read(name, full, _LINES))


def events(bench: Bench) -> Samples:
    """Receive events while the socket's process makes them, as fast as the engine can; nobody may miss one."""
    container = bench.fixtures.sleeper("events")

    def turn(name: str, count: int) -> Sample:
        worker = bench.workers[name]
        worker.begin("events", count)
        made = bench.workers[BARE].run("make_events", container, count)
        measured = worker.finish()
        _expect(f"{name}: first and last of the events", measured.outcome, made.outcome)
        return Sample(measured.wall, measured.cpu, count)

    bench.turns(_CLIENTS, lambda name: turn(name, _WARM_UP_EVENTS), 1)
    return bench.turns(_CLIENTS, lambda name: turn(name, _EVENTS))


def list_lab(bench: Bench) -> Samples:
    """List a lab, most of it created and some of it running; beside it the same requests by the engine client alone."""
    lab = bench.fixtures.lab("list", _RUNNING, _LISTED - _RUNNING)

    def turn(name: str) -> Sample:
        measured = bench.workers[name].run("list_lab", lab, _LISTS)
        found, requests = measured.outcome
        _expect(f"{name}: containers of the lab", found, _LISTED)
        return Sample(measured.wall / _LISTS, measured.cpu / _LISTS, requests)

    bench.turns((OURS, RAW), turn, 1)
    return bench.turns((OURS, RAW), turn, 3 * bench.repetitions)


def execute(bench: Bench) -> Samples:
    """Run `true` in a container, output and exit code included."""
    container = bench.fixtures.sleeper("exec")

    def turn(name: str) -> Sample:
        measured = bench.workers[name].run("execute", container, _EXECS)
        return Sample(measured.wall, measured.cpu, _EXECS)

    return bench.turns(_CLIENTS, turn)


def imports(bench: Bench) -> Samples:
    """Import each package in a fresh interpreter; subtract what an empty one takes in the same repetition."""

    def turn(name: str) -> Sample:
        program = f"import {_PACKAGES[name]}" if name in _PACKAGES else "pass"
        with Clock() as clock:
            subprocess.run([sys.executable, "-c", program], check=True)
        return Sample(clock.wall, clock.cpu)

    names = (_NOTHING, *_CLIENTS)
    bench.turns(names, turn, 1)
    samples = bench.turns(names, turn, max(_IMPORTS, bench.repetitions))
    empty = samples.pop(_NOTHING)
    return {
        name: [Sample(full.wall - less.wall, full.cpu - less.cpu) for full, less in zip(some, empty, strict=True)]
        for name, some in samples.items()
    }


SCENARIOS: dict[str, Callable[[Bench], Samples]] = {
    "unary_1": lambda bench: unary(bench, 1),
    "unary_20": lambda bench: unary(bench, 20),
    "logs": logs,
    "events": events,
    "list_300": list_lab,
    "exec": execute,
    "import": imports,
}


def _expect(what: str, outcome: object, expected: object) -> None:
    if outcome != expected:
        raise RuntimeError(f"{what}: {outcome}, and not {expected}")
