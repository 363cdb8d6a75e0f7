"""Calls in tasks of their own: several at once, or one that goes on; an error comes as it is and not in a group."""

import math
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

import anyio


async def run_all(calls: Iterable[Callable[[], Awaitable[object]]]) -> None:
    """Make the calls at once and wait for all; the first error cancels the others and is raised."""
    errors: list[Exception] = []

    async def run(call: Callable[[], Awaitable[object]], scope: anyio.CancelScope) -> None:
        try:
            await call()
        except Exception as exc:  # noqa: BLE001 - raised below, outside of the task group
            errors.append(exc)
            scope.cancel()

    async with anyio.create_task_group() as tasks:
        for call in calls:
            tasks.start_soon(run, call, tasks.cancel_scope)
    if errors:
        raise errors[0]


async def race(calls: Iterable[Callable[[], Awaitable[object]]]) -> None:
    """Make the calls at once until the first one ends, be it by an error; the others are cancelled."""

    async def run(call: Callable[[], Awaitable[object]]) -> None:
        await call()
        scope.cancel()

    with anyio.CancelScope() as scope:
        await run_all(partial(run, call) for call in calls)


async def shielded(call: Callable[[], Awaitable[object]], seconds: float = math.inf) -> None:
    """Make a call that goes on, for `seconds` at most, though its caller is cancelled.

    It runs in a task of its own, since asyncio cancels tasks, not scopes; its error is raised as it is.
    """

    async def run() -> None:
        with anyio.move_on_after(seconds, shield=True):
            await call()

    await run_all((run,))
