"""Several calls at once, whose error comes as it is and not in a group."""

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
