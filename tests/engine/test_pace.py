"""Pace: when a stream's pieces are let gather, and when they are read at once."""

import anyio
import pytest

from clab_runtime.engine.pace import GATHERING_TIME, MUCH, READS_AT_ONCE, Pace

pytestmark = pytest.mark.anyio

LITTLE = 100


class Clock:
    """A time that goes on only when a test says so: a busy machine makes any read wait."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("clab_runtime.engine.pace.time", clock)
    return clock


async def read(pace: Pace, size: int) -> bool:
    """Read once, without waiting for the bytes; tell whether they were let gather before."""
    await pace.before_read()
    pace.after_read(size)
    return pace._gathered  # pyright: ignore[reportPrivateUsage]


async def test_the_first_read_is_at_once() -> None:
    assert not await read(Pace(), LITTLE)


async def test_pieces_that_come_without_waiting_are_let_gather() -> None:
    pace = Pace()
    await read(pace, LITTLE)
    assert [await read(pace, LITTLE) for _ in range(5)] == [True] * 5


async def test_pieces_that_were_waited_for_are_read_at_once(clock: Clock) -> None:
    pace = Pace()
    await pace.before_read()
    clock.now += GATHERING_TIME
    pace.after_read(LITTLE)
    assert not await read(pace, LITTLE)
    assert await read(pace, LITTLE)


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
