"""Creating containers on real engines, cancelled at any moment: nothing is left behind."""

import random

import anyio
import anyio.lowlevel
import pytest

from tests.conftest import NoLeaks
from tests.contract.lab import cancelled, open_lab
from tests.engines import Engine

pytestmark = pytest.mark.anyio

ROUNDS = 100
LONGEST = 0.03
"""Seconds; a create takes about half as long."""


@pytest.mark.proves("create_container")
@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_create_that_is_cancelled_at_any_moment_leaves_nothing(
    engine: Engine, no_leaks: NoLeaks, *, natively: bool
) -> None:
    moments = random.Random(7)
    finished: set[str] = set()
    async with no_leaks(), open_lab(engine) as lab:

        async def one(number: int) -> None:
            node, seconds = lab.node(f"r{number}"), moments.uniform(0, LONGEST)

            async def create() -> None:
                await lab.runtime.create_container(node)

            if not await cancelled(create, lambda: anyio.sleep(seconds), natively=natively):
                finished.add(node.long_name)

        for batch in range(ROUNDS // 5):
            async with anyio.create_task_group() as tasks:
                for number in range(5):
                    tasks.start_soon(one, 5 * batch + number)
        assert await lab.names() == finished
        assert "0 busy" in repr(lab.runtime)
        assert "0 dedicated" in repr(lab.runtime)
        node = lab.node("after")
        await lab.runtime.create_container(node)
        assert node.long_name in await lab.names()


async def test_creates_that_wait_for_their_turn_are_cancelled_at_once(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        async with anyio.create_task_group() as tasks:
            for number in range(60):
                tasks.start_soon(lab.runtime.create_container, lab.node(f"r{number}"))
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        assert await lab.names() == set()
