"""Trying cases: each on its own, some at once; what is not as its table says is a complaint in a line."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import anyio

from clab_runtime import EngineError, EngineStreamError, InvalidValueError, UnsupportedOperationError
from tests.hostile.cases import Case, Outcome
from tests.hostile.range import Range, asked
from tests.noting import noting

AT_ONCE = 6
"""Cases that are tried at once; the engine is slow at starting containers."""

LIMIT = 75.0
"""Seconds that a case may take; Docker 20.10 may take 45 s over an exec that can't start, and others wait."""


@dataclass
class Report:
    """What came of the cases."""

    outcomes: Counter[Outcome] = field(default_factory=Counter[Outcome])
    complaints: list[str] = field(default_factory=list[str])

    @property
    def refused(self) -> int:
        """How many were refused in their place, by whom ever."""
        return self.outcomes[Outcome.BEFORE] + self.outcomes[Outcome.ENGINE]

    def __str__(self) -> str:
        total = sum(self.outcomes.values())
        return f"{total} cases: " + ", ".join(f"{self.outcomes[outcome]} {outcome}" for outcome in Outcome)


async def try_all(cases: Sequence[Case], at: Range) -> Report:
    """Try all cases."""
    report = Report()
    limiter = anyio.CapacityLimiter(AT_ONCE)

    async def one(case: Case) -> None:
        async with limiter:
            await _try(case, at, report)

    with noting(lambda request: asked.get([]).append(request)):
        async with anyio.create_task_group() as tasks:
            for case in cases:
                tasks.start_soon(one, case)
    return report


async def _try(case: Case, at: Range, report: Report) -> None:
    """Try a case and note what came of it."""
    requests: list[str] = []
    asked.set(requests)
    caught: Exception | None = None
    try:
        with anyio.fail_after(LIMIT):
            await case.call(at)
    except Exception as exc:  # noqa: BLE001 - which it is decides below
        caught = exc
    outcome = _outcome(caught)
    if outcome is not None:
        report.outcomes[outcome] += 1
    if complaint := _complaint(case, outcome, caught, requests):
        report.complaints.append(f"{case.name}: {complaint}")


def _outcome(caught: Exception | None) -> Outcome | None:
    """Class what was raised; None: nothing that a user should have to know of."""
    if caught is None:
        return Outcome.HARMLESS
    if isinstance(caught, InvalidValueError | UnsupportedOperationError):
        return Outcome.BEFORE
    is_typed = isinstance(caught, EngineStreamError) or (
        isinstance(caught, EngineError) and type(caught) is not EngineError
    )
    return Outcome.ENGINE if is_typed else None


def _complaint(case: Case, outcome: Outcome | None, caught: Exception | None, requests: Sequence[str]) -> str:
    """Say what is wrong, if anything is."""
    if outcome is None:
        return f"{type(caught).__name__} came out: {caught}"
    if outcome not in case.expected:
        return f"{outcome}, not {' or '.join(sorted(case.expected))}: {caught!r}"
    if outcome is Outcome.BEFORE and requests:
        return f"refused ({caught}), but only after {requests}"
    if isinstance(caught, InvalidValueError) and not caught.field.startswith(case.field):
        return f"blames {caught.field!r}, not {case.field!r}: {caught}"
    return ""
