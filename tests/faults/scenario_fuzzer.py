"""Twenty thousand cancels over every public call, on asyncio and on trio: nothing is left behind.

Each way of cancelling goes through every case once. What is missing of its share then comes from the calls that cost
little, in answers that are cut into pieces of other sizes, which makes other await points.
"""

import os
from dataclasses import dataclass
from itertools import cycle

import anyio

from tests.engines import Engine
from tests.faults.cases import Case
from tests.faults.fuzzer import Tally, chosen, figures, fuzz, public_calls
from tests.faults.ground import open_ground
from tests.faults.report import Report

CANCELS = 20_000
WAYS = {"asyncio": ("asyncio", False), "asyncio, natively": ("asyncio", True), "trio": ("trio", False)}
PIECES = (400, 150, 250, 100)
"""Bytes of the pieces that answers come in, by the pass."""
CHEAP = 0.1
"""Seconds that a cancel may take, with the look at what it has left, to be tried in a further pass."""


def run(engine: Engine, report: Report) -> None:
    """Cancel in every way on one engine its share of the calls."""
    share = report.scaled(CANCELS) // (len(WAYS) * report.engines)
    cancels = 0
    os.environ[engine.variable] = engine.endpoint
    assert {case.of for case in chosen()} >= public_calls(), "a public call has no case"
    for way, (backend, natively) in WAYS.items():
        tally = Tally()
        for number, piece in enumerate(cycle(PIECES)):
            before = tally.total
            this_pass = Pass(tally, piece, share if number else 0, natively=natively)
            anyio.run(_carry_out, this_pass, engine, report, backend=backend)
            report.progress(f"{way}: {tally.total} cancels of {share}")
            if tally.total >= share or tally.total == before:  # the calls that are chosen are all too costly
                break
        for name, figure in figures(tally).items():
            report.detail(f"{way}, {name}: {figure}")
        report.check(not tally.failures, f"{way}: {len(tally.failures)} left something: {tally.failures[:20]}")
        cancels += tally.total
    report.figure(f"{cancels} cancels over {len(public_calls())} public calls, in {len(WAYS)} ways")


@dataclass(frozen=True)
class Pass:
    """Once through the cases."""

    tally: Tally
    piece: int
    enough: int
    """In a further pass: how many cancels will do."""
    natively: bool

    def skips(self, case: Case) -> bool:
        """Tell whether a further pass leaves a case out."""
        return self.enough > 0 and (self.tally.cost(case) > CHEAP or self.tally.total >= self.enough)


async def _carry_out(this: Pass, engine: Engine, report: Report) -> None:
    """Go through the cases."""
    async with open_ground(engine, piece=this.piece) as ground:
        for case in chosen(report.words):
            if not this.skips(case):
                known = len(this.tally.failures)
                await fuzz(ground, case, this.tally, natively=this.natively, tell=report.progress)
                for failure in this.tally.failures[known:]:
                    report.detail(f"FAILED: {failure}")
