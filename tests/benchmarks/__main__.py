"""The command line: python -m tests.benchmarks [--only unary,logs] [--repetitions 5] [--readme README.md]."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tests.benchmarks.circumstances import circumstances, sentence
from tests.benchmarks.competitor import OURS
from tests.benchmarks.figures import figures
from tests.benchmarks.fixtures import Fixtures
from tests.benchmarks.scenarios import BARE, LOG_LIMIT, RAW, SCENARIOS, Bench
from tests.benchmarks.table import table
from tests.benchmarks.workers import Workers
from tests.readme import write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.scenarios import Samples

TABLE = "bench"
"""The name of the table in the README."""
_COMPETITORS = {OURS, "aiodocker", "docker_py", BARE, RAW, LOG_LIMIT}


def main() -> int:
    """Measure, show, and write down."""
    arguments = _arguments()
    address = os.environ.get("DOCKER_HOST", "")
    if not address.startswith("unix://"):
        print("set DOCKER_HOST to the unix socket of a Docker engine of its own: make bench does", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, _end)
    with Fixtures(address.removeprefix("unix://")) as fixtures, Workers(_COMPETITORS) as workers:
        about = circumstances(fixtures.version(), arguments.repetitions, LOG_LIMIT)
        results = _run(Bench(fixtures, workers, arguments.repetitions), arguments.only)
    _report(results, about, arguments)
    return 0


def _end(number: int, _: object) -> NoReturn:
    """Clean up on SIGTERM, too."""
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure against other clients.")
    parser.add_argument("--only", type=_scenarios, default=list(SCENARIOS), help=f"some of {', '.join(SCENARIOS)}")
    parser.add_argument("--repetitions", type=int, default=5, help="how often all take a turn (default: 5)")
    parser.add_argument("--json", type=Path, default=Path("build/bench.json"), help="where the figures go")
    parser.add_argument("--readme", type=Path, help=f"put the table between the markers {TABLE!r} of this file")
    arguments = parser.parse_args()
    if arguments.readme and arguments.only != list(SCENARIOS):
        parser.error("--readme wants the whole table: leave --only out")
    return arguments


def _scenarios(text: str) -> list[str]:
    """Take names of scenarios, or what they begin with."""
    names = [name for name in SCENARIOS if name.startswith(tuple(filter(None, text.split(","))))]
    if not names:
        raise argparse.ArgumentTypeError(f"choose some of {', '.join(SCENARIOS)}")
    return names


def _run(bench: Bench, names: Sequence[str]) -> dict[str, Samples]:
    results: dict[str, Samples] = {}
    for name in names:
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        start = time.perf_counter()
        results[name] = SCENARIOS[name](bench)
        print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr, flush=True)
    return results


def _report(results: dict[str, Samples], about: dict[str, object], arguments: argparse.Namespace) -> None:
    found = figures(results)
    text = f"{table(found)}\n\n{sentence(about)}"
    print(f"\n{text}")
    samples = {
        scenario: {name: [asdict(sample) for sample in some] for name, some in by_name.items()}
        for scenario, by_name in results.items()
    }
    document = {key: value for figure in found for key, value in figure.keyed()} | about | {"samples": samples}
    path: Path = arguments.json
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(f"\nall figures and samples: {path}")
    if arguments.readme and not write(arguments.readme, TABLE, text):
        print(f"{arguments.readme} has no markers {TABLE!r}: left as it is")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except (OSError, RuntimeError) as error:
        sys.exit(f"benchmark failed: {error}")
