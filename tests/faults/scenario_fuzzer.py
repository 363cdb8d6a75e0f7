"""Twenty thousand cancels over every public call, on asyncio and on trio: nothing is left behind.

Each way of cancelling goes through every case once. What is missing of its share then comes from the calls that cost
little, in answers that are cut into pieces of other sizes, which makes other await points.
"""

import logging
import os
from itertools import cycle

import anyio

from tests.engines import Engine
from tests.faults.fuzzer import Tally, chosen, figures, fuzz, public_calls
from tests.faults.ground import open_ground
from tests.faults.report import Report

CANCELS = 20_000
WAYS = {"asyncio": ("asyncio", False), "asyncio, natively": ("asyncio", True), "trio": ("trio", False)}
PIECES = (100, 60, 150, 80)
"""Bytes of the pieces that answers come in, by the pass."""
CHEAP = 0.1
"""Seconds that a cancel may take, with the look at what it has left, to be tried in a further pass."""


def run(engine: Engine, report: Report) -> None:
    """Cancel in every way on one engine its share of the calls."""
    share = report.scaled(CANCELS) // (len(WAYS) * report.engines)
    cancels = 0
    logging.getLogger("clab_runtime").setLevel(logging.ERROR)  # what can't be ended from here is told each time
    os.environ[engine.variable] = engine.endpoint
    assert {case.of for case in chosen()} >= public_calls(), "a public call has no case"
    for way, (backend, natively) in WAYS.items():
        tally = Tally()
        for number, piece in enumerate(cycle(PIECES)):
            anyio.run(_one_pass, engine, tally, report, natively, piece, share if number else 0, backend=backend)
            report.progress(f"{way}: {tally.total} cancels of {share}")
            if tally.total >= share:
                break
        for name, figure in figures(tally).items():
            report.detail(f"{way}, {name}: {figure}")
        report.check(not tally.failures, f"{way}: {len(tally.failures)} left something: {tally.failures[:20]}")
        cancels += tally.total
    report.figure(f"{cancels} cancels over {len(public_calls())} public calls, in {len(WAYS)} ways")


async def _one_pass(  # noqa: PLR0913, PLR0917 - what a pass is
    engine: Engine,
    tally: Tally,
    report: Report,
    natively: bool,
    piece: int,
    enough: int,  # noqa: FBT001
) -> None:
    """Go through all cases, in a further pass through those that cost little until there are enough."""
    async with open_ground(engine, piece=piece) as ground:
        for case in chosen(report.words):
            if enough and (tally.cost(case) > CHEAP or tally.total >= enough):
                continue
            await fuzz(ground, case, tally, natively=natively)
            report.progress(f"{case.name}: {tally.total} cancels")
