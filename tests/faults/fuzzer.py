"""The cancellation fuzzer: every public call, cancelled at each await point that it reaches, leaves all as it was.

Which calls there are is read off the interface, so that a new one without a case is missed.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction, signature
from typing import Any, get_origin

import clab_runtime
from clab_runtime import ContainerRuntime, Session, StartedContainer
from tests.contract.lab import on_asyncio
from tests.faults.cases import CASES, Case
from tests.faults.ground import CONTAINERS, NETWORKS, Ground, State
from tests.faults.steps import cancelled_at

MISSES = 2
"""How often in a row a call ends before a step until it is taken to have no more: there are more when all is slow."""

LATE = 1.0
"""Seconds after which an engine has done what it was asked for by a call that was cancelled."""


def public_calls() -> set[str]:
    """Name what is public and waits: coroutines, and what returns a stream or an async context manager."""
    methods = {
        f"{kind.__name__}.{name}": member
        for kind in (ContainerRuntime, StartedContainer, Session)
        for name, member in vars(kind).items()
        if not name.startswith("_")
    }
    functions = {name: getattr(clab_runtime, name) for name in clab_runtime.__all__}
    return {name for name, member in {**methods, **functions}.items() if isfunction(member) and _waits(member)}


def _waits(function: Any) -> bool:  # noqa: ANN401 - whatever is public
    if iscoroutinefunction(function) or isasyncgenfunction(getattr(function, "__wrapped__", None)):
        return True
    returned = signature(function).return_annotation
    return hasattr(get_origin(returned) or returned, "__aenter__")


@dataclass
class Tally:
    """What has been tried, and what has gone wrong."""

    cancels: Counter[str] = field(default_factory=Counter[str])
    """By the name of the case: calls that were cancelled on their way."""
    deepest: Counter[str] = field(default_factory=Counter[str])
    """By the name of the case: the last step that it was cancelled at."""
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: list[str] = field(default_factory=list[str])

    def cost(self, case: Case) -> float:
        """Return the seconds that a cancel of this case has taken on average."""
        return self.seconds[case.name] / max(1, self.cancels[case.name])

    def note(self, case: Case, step: int, seconds: float) -> None:
        """Note a cancellation at a step, 0 if there was none."""
        self.cancels[case.name] += step > 0
        self.deepest[case.name] = max(self.deepest[case.name], step)
        self.seconds[case.name] += seconds

    @property
    def total(self) -> int:
        return self.cancels.total()


async def fuzz(
    ground: Ground, case: Case, tally: Tally, *, natively: bool = False, tell: Callable[[str], object] = str
) -> None:
    """Cancel a call at its first step, its second, and so on, until it comes to its end before that; tell how far."""
    before = ground.look(CONTAINERS, NETWORKS, *case.touches)
    step, misses = 1, 0
    while misses < MISSES:
        begun = time.monotonic()
        reached = await _once(ground, case, step, tally, natively=natively)
        if different := await _differences(ground, case, before):
            tally.failures.append(f"{_where(case, step, natively=natively)}: {different}")
            before = ground.look(CONTAINERS, NETWORKS, *case.touches)
        tally.note(case, step if reached else 0, time.monotonic() - begun)
        tell(f"{_where(case, step, natively=natively)}: {tally.total} cancels, {len(tally.failures)} failures")
        step, misses = (step + 1, 0) if reached else (step, misses + 1)


async def fuzz_at(ground: Ground, case: Case, steps: Iterable[int], tally: Tally, *, natively: bool = False) -> None:
    """Cancel a call at some steps only."""
    before = ground.look(CONTAINERS, NETWORKS, *case.touches)
    for step in steps:
        reached = await _once(ground, case, step, tally, natively=natively)
        tally.note(case, step if reached else 0, 0.0)
        if different := await _differences(ground, case, before):
            tally.failures.append(f"{_where(case, step, natively=natively)}: {different}")
            return


async def _differences(ground: Ground, case: Case, before: State) -> Mapping[str, str]:
    """Compare; the engine may have done what was asked for only after the ground was put in order: that is repeated."""
    if await ground.differences(before, wait=LATE):
        await case.after(ground)
    return await ground.differences(before)


async def _once(ground: Ground, case: Case, step: int, tally: Tally, *, natively: bool) -> bool:
    """Make a call, with what comes before and after; tell whether it got as far as to be cancelled."""
    await case.before(ground)
    try:
        outcome = await cancelled_at(lambda: case.call(ground), step, natively=natively)
        ground.finished, reached = outcome.finished, outcome.steps >= step
    except Exception as exc:  # noqa: BLE001 - whatever it is, it is no way to take being cancelled
        ground.finished = reached = False
        tally.failures.append(f"{_where(case, step, natively=natively)}: {exc!r}")
    await case.after(ground)
    return reached


def _where(case: Case, step: int, *, natively: bool) -> str:
    how = ("asyncio, by its task" if natively else "asyncio") if on_asyncio() else "trio"
    return f"{case.name}, step {step}, {how}"


def chosen(names: Iterable[str] = ()) -> Sequence[Case]:
    """Return the cases whose names have one of these words in them; all, if there are none."""
    words = list(names)
    return [case for case in CASES if not words or any(word in case.name for word in words)]


def figures(tally: Tally) -> Mapping[str, str]:
    """Tell, by case, how often it was cancelled and how deep."""
    return {
        name: f"{cancels} cancels, at {tally.deepest[name]} await points, {tally.seconds[name]:.1f} s"
        for name, cancels in tally.cancels.items()
    }
