"""The big scenarios, on private engines of their own: python -m tests.faults [--scale 0.1] [SCENARIO[:WORD] ...].

The engines are those that ENGINES names. Exits with 1 if anything has failed.
"""

import argparse
import faulthandler
import logging
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from tests.engines import down, up
from tests.engines.state import base_directory
from tests.faults.report import Report

SCENARIOS: Mapping[str, str] = {
    path.stem.removeprefix("scenario_"): path.stem for path in sorted(Path(__file__).parent.glob("scenario_*.py"))
}
LONGEST = 3600.0
"""Seconds after which a scenario is taken to hang: all threads are shown then, and that is the end."""


def main() -> int:
    """Run the scenarios and sum up."""
    options = _options()
    logging.getLogger("clab_runtime").setLevel(logging.ERROR)  # it warns of each fault, and there are thousands
    names = os.environ.get("ENGINES", "docker-20.10 podman-4.3").split()

    def run(scenario: str, words: Sequence[str], name: str) -> Report:
        heading = f"{scenario} on {name}"
        return _run(name, scenario, Report(heading, scale=options.scale, engines=len(names), words=words))

    return _sum_up([run(scenario, words, name) for scenario, words in options.scenarios for name in names])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Faults, on a large scale.")
    parser.add_argument(
        "scenarios", nargs="*", type=_scenario, default=[(name, ()) for name in SCENARIOS], help=", ".join(SCENARIOS)
    )
    parser.add_argument("--scale", type=float, default=1.0, help="how large, 1 being what the figures are about")
    return parser.parse_args()


def _scenario(text: str) -> tuple[str, Sequence[str]]:
    name, *words = text.split(":")
    if name not in SCENARIOS:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(SCENARIOS)}")
    return name, words


def _run(engine: str, scenario: str, report: Report) -> Report:
    """Run a scenario on an engine of its own."""
    place = base_directory() / f"faults-{engine}"
    faulthandler.dump_traceback_later(LONGEST, exit=True)
    try:
        import_module(f"tests.faults.{SCENARIOS[scenario]}").run(up(engine, place), report)
    except Exception:  # noqa: BLE001 - the other scenarios are to run, too
        report.check(holds=False, failure=traceback.format_exc())
    finally:
        faulthandler.cancel_dump_traceback_later()
        down(place)
    return report


def _sum_up(reports: Sequence[Report]) -> int:
    """Show all figures, and return the exit status."""
    print()
    for report in reports:
        print(f"{report.heading}: {'FAILED' if report.failures else 'ok'}, {report.elapsed:.0f} s")
        for figure in report.figures:
            print(f"    {figure}")
        for failure in report.failures:
            print(f"    FAILED: {failure}")
    return int(any(report.failures for report in reports))


if __name__ == "__main__":
    sys.exit(main())
