"""Twenty thousand cancels over every public call, on asyncio and on trio: nothing is left behind.

Each way of cancelling goes through every case once. What is missing of its share then comes from the calls that cost
little, in answers that are cut into pieces of other sizes, which makes other await points.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from statistics import median

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


def run(engine: Engine, report: Report) -> None:
    """Cancel in every way on one engine its share of the calls."""
    share = report.scaled(CANCELS) // (len(WAYS) * report.engines)
    cancels = 0
    os.environ[engine.variable] = engine.endpoint
    assert {case.of for case in chosen()} >= public_calls(), "a public call has no case"
    for way, (backend, natively) in WAYS.items():
        tally = Tally()
        for number, piece in enumerate(cycle(PIECES)):
            this_pass = Pass(tally, chosen(report.words), piece, share if number else 0, natively=natively)
            anyio.run(_carry_out, this_pass, engine, report, backend=backend)
            report.progress(f"{way}: {tally.total} cancels of {share}")
            if tally.total >= share:
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
    cases: Sequence[Case]
    piece: int
    enough: int
    """In a further pass: how many cancels will do."""
    natively: bool

    def skips(self, case: Case) -> bool:
        """Tell whether a further pass leaves a case out: the half whose cancels take longest is made once."""
        if not self.enough:
            return False
        return self.tally.total >= self.enough or self.tally.cost(case) > median(map(self.tally.cost, self.cases))


async def _carry_out(this: Pass, engine: Engine, report: Report) -> None:
    """Go through the cases."""
    async with open_ground(engine, piece=this.piece) as ground:
        for case in this.cases:
            if not this.skips(case):
                known = len(this.tally.failures)
                await fuzz(ground, case, this.tally, natively=this.natively, tell=report.progress)
                for failure in this.tally.failures[known:]:
                    report.detail(f"FAILED: {failure}")
