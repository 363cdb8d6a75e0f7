"""The cancellation fuzzer on a small scale: every public call has a case, and each case is cancelled a few times."""

import asyncio
from contextlib import suppress
from random import Random

import anyio
import pytest

from tests.engines import Engine
from tests.faults.fuzzer import Tally, chosen, fuzz_at, public_calls
from tests.faults.ground import open_ground
from tests.faults.steps import StuckError, cancelled_at

LIMIT = 150.0
STEPS = (1, 2, 3, 5, 8, 13)
"""Steps that most calls have."""


def test_every_public_call_has_a_case() -> None:
    assert {case.of for case in chosen()} == public_calls()


@pytest.mark.parametrize("natively", [False, True])
@pytest.mark.anyio
async def test_steps_are_those_of_all_tasks_of_a_call(*, natively: bool) -> None:
    """Two tasks of three steps each, and the one that waits for them."""
    seen: list[int] = []

    async def child() -> None:
        for number in range(3):
            seen.append(number)
            await anyio.sleep(0.001)

    async def call() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(child)
            tasks.start_soon(child)

    depth = 0
    while not (outcome := await cancelled_at(call, depth + 1, natively=natively)).finished:
        depth += 1
    assert depth == outcome.steps >= 7
    seen.clear()
    await cancelled_at(call, 1, natively=natively)
    assert len(seen) <= 2


def test_a_call_that_swallows_its_cancellation_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Natively, where it is told only once; a scope tells it again and again."""
    monkeypatch.setattr("tests.faults.steps.LIMIT", 0.2)

    async def call() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(10)
        await asyncio.sleep(10)

    async def run() -> None:
        with pytest.raises(StuckError):
            await cancelled_at(call, 1, natively=True)

    asyncio.run(run())


WAYS = (("asyncio", False), ("asyncio", True), ("trio", False))


@pytest.mark.parametrize(("backend", "natively"), WAYS)
def test_calls_cancelled_here_and_there_leave_nothing(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, backend: str, *, natively: bool
) -> None:
    """One step of each case: each way takes a share of the cases, all of them are in `make faults`."""
    monkeypatch.setenv(engine.variable, engine.endpoint)
    moments, tally = Random(f"{backend} {natively}"), Tally()
    cases = chosen()[WAYS.index((backend, natively)) :: len(WAYS)]

    async def run() -> None:
        with anyio.fail_after(LIMIT):
            async with open_ground(engine) as ground:
                for case in cases:
                    await fuzz_at(ground, case, [moments.choice(STEPS)], tally, natively=natively)

    anyio.run(run, backend=backend)
    assert tally.failures == []
    assert tally.total > len(cases) / 3
