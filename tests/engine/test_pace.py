"""Pace: when a stream's pieces are let gather, and when they are read at once."""

import anyio
import pytest

from clab_runtime.engine.pace import GATHERING_TIME, MUCH, READS_AT_ONCE, Pace

pytestmark = pytest.mark.anyio

LITTLE = 100


async def read(pace: Pace, size: int, seconds: float = 0) -> bool:
    """Read once, waiting so long for the bytes; tell whether they were let gather before."""
    begun = anyio.current_time()
    await pace.before_read()
    gathered = anyio.current_time() - begun >= GATHERING_TIME
    await anyio.sleep(seconds)
    pace.after_read(size)
    return gathered


async def test_the_first_read_is_at_once() -> None:
    assert not await read(Pace(), LITTLE)


async def test_pieces_that_come_without_waiting_are_let_gather() -> None:
    pace = Pace()
    await read(pace, LITTLE)
    assert [await read(pace, LITTLE) for _ in range(5)] == [True] * 5


async def test_pieces_that_were_waited_for_are_read_at_once() -> None:
    pace = Pace()
    await read(pace, LITTLE)
    assert await read(pace, LITTLE, 2 * GATHERING_TIME)
    assert not await read(pace, LITTLE)


async def test_an_engine_that_fills_the_kernels_buffer_meanwhile_is_not_held_back_for_long() -> None:
    pace = Pace()
    await read(pace, 10 * MUCH)
    assert await read(pace, 10 * MUCH)
    gathered = [await read(pace, LITTLE) for _ in range(READS_AT_ONCE)]
    assert gathered == [False] * (READS_AT_ONCE - 1) + [True]


async def test_a_gathering_that_is_cancelled_is_not_begun_again() -> None:
    pace = Pace()
    await read(pace, LITTLE)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await read(pace, LITTLE)
    assert scope.cancelled_caught
    assert not await read(pace, LITTLE)
    assert await read(pace, LITTLE)
