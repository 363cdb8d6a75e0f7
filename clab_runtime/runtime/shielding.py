"""Clean-up that cancellation does not stop, of a scope or of asyncio's own, and that is bounded all the same."""

import math
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from anyio.lowlevel import checkpoint_if_cancelled

from clab_runtime.engine.tasks import run_all

T = TypeVar("T")

UNDO_TIME = 10.0
"""Seconds that undoing may take."""


async def shielded(call: Callable[[], Awaitable[object]], seconds: float = math.inf) -> None:
    """Make a call that goes on, for `seconds` at most, though its caller is cancelled.

    It runs in a task of its own, since asyncio cancels tasks, not scopes; its error is raised as it is.
    """

    async def run() -> None:
        with anyio.move_on_after(seconds, shield=True):
            await call()

    await run_all((run,))


async def complete_or_undo(make: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]]) -> T:
    """Make something, to the end even if cancelled meanwhile, and undo it then: nothing is left half-made.

    `make` must have a limit of its own, and no wait before what it makes.
    """
    made: list[T] = []

    async def keep() -> None:
        made.append(await make())

    try:
        await shielded(keep)
        await checkpoint_if_cancelled()
    except BaseException:
        if made:
            await shielded(lambda: undo(made[0]), UNDO_TIME)
        raise
    return made[0]
