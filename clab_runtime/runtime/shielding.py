"""What is made whole or not at all, whoever cancels it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from anyio.lowlevel import checkpoint_if_cancelled

from clab_runtime.engine.tasks import shielded

T = TypeVar("T")

UNDO_TIME = 10.0
"""Seconds that undoing may take."""


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
