"""Twenty thousand calls, each cancelled at some moment: the pool is as good as new afterwards."""

import random
import time
from collections.abc import Callable

import anyio
import pytest

from clab_runtime.engine.client import EngineClient
from tests.conftest import FIGURES, NoLeaks
from tests.contract.lab import cancelled, on_asyncio
from tests.engines import Engine

pytestmark = pytest.mark.anyio

CALLS = 20_000
AT_ONCE = 50
LONGEST = (0.0001, 0.0002, 0.0004, 0.001, 0.1)
"""Seconds until a call is cancelled, at most: while it begins, while it goes on, and hardly ever before its end."""
AFTERWARDS = 1000


async def test_calls_that_are_cancelled_at_any_moment_leave_the_pool_whole(
    docker_engine: Engine, no_leaks: NoLeaks, record_property: Callable[[str, object], None]
) -> None:
    moments = random.Random(42)
    outcomes = {True: 0, False: 0}
    begun = time.monotonic()

    async with no_leaks(), EngineClient(docker_engine.endpoint) as client:

        async def one(*, natively: bool) -> None:
            seconds = moments.choice(LONGEST) * moments.random()
            was_cancelled = await cancelled(client.system.ping, lambda: anyio.sleep(seconds), natively=natively)
            outcomes[was_cancelled] += 1

        async def storm(calls: int, *, natively: bool) -> None:
            for _ in range(calls):
                await one(natively=natively)

        async with anyio.create_task_group() as tasks:
            for number in range(AT_ONCE):
                # On asyncio half of them by the task's own cancel(); trio has only scopes.
                natively = on_asyncio() and number % 2 == 0
                tasks.start_soon(lambda natively: storm(CALLS // AT_ONCE, natively=natively), natively)
        stormed = time.monotonic() - begun
        assert ": 0 busy" in repr(client)
        assert "0 dedicated" in repr(client)

        async def calm() -> None:
            for _ in range(AFTERWARDS // AT_ONCE):
                await client.system.ping()

        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(calm)
        assert ": 0 busy" in repr(client)

    assert sum(outcomes.values()) == CALLS
    assert outcomes[True] > CALLS / 20
    assert outcomes[False] > 0
    record_property(
        FIGURES,
        f"{CALLS} calls in {stormed:.1f} s, {outcomes[True]} of them cancelled before their end; "
        f"{AFTERWARDS} more in {time.monotonic() - begun - stormed:.1f} s",
    )
