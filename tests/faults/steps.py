"""Cancelling a call at a chosen await point, on asyncio and on trio.

A step is what a task does between two points where it gives up its turn. Those of the task that makes the call count,
and those of every task that is begun meanwhile; at the end of the chosen one the call is cancelled. By then the task
waits for what it has asked for: on trio, and by asyncio's own `Task.cancel()`, the wait itself is cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import trio

from tests.contract.lab import on_asyncio

Call = Callable[[], Awaitable[object]]

LIMIT = 30.0
"""Seconds until a call that goes on although it has been cancelled is given up."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call has ended."""

    steps: int
    """How many steps it has made, up to its end or to its cancellation and what followed that."""
    finished: bool
    """Whether it has come to its own end."""


class StuckError(Exception):
    """A call has gone on although it was cancelled."""


class Steps:
    """Counts the steps, and does something at the end of the chosen one."""

    def __init__(self, chosen: int, act: Callable[[], object]) -> None:
        self.taken = 0
        self._chosen = chosen
        self._act = act

    def take(self) -> None:
        """Note that a step is over."""
        self.taken += 1
        if self.taken == self._chosen:
            self._act()


async def cancelled_at(call: Call, step: int, *, natively: bool = False) -> Outcome:
    """Make a call and cancel it at the end of a step, if it has so many, natively by asyncio's `Task.cancel()`."""
    return await (_by_task if natively and on_asyncio() else _by_scope)(call, step)


async def _by_scope(call: Call, step: int) -> Outcome:
    scope, finished = anyio.CancelScope(), False
    steps = Steps(step, scope.cancel)
    with anyio.move_on_after(LIMIT) as limit, scope:
        with _counted(steps):
            await (_driven(call, steps) if on_asyncio() else call())
        finished = True
    if limit.cancelled_caught:
        raise StuckError(f"cancelled at step {step}, it went on for {LIMIT} s")
    return Outcome(steps.taken, finished)


async def _by_task(call: Call, step: int) -> Outcome:
    tasks: list[asyncio.Task[object]] = []
    steps = Steps(step, lambda: tasks[0].cancel())  # noqa: PLW0108 - there is none yet
    with _counted(steps):
        tasks.append(asyncio.get_running_loop().create_task(_made(call)))
        _, late = await asyncio.wait(tasks, timeout=LIMIT)
        if late:
            tasks[0].cancel()
            await asyncio.wait(tasks, timeout=LIMIT)
            raise StuckError(f"cancelled at step {step}, it went on for {LIMIT} s")
    if not tasks[0].cancelled():
        tasks[0].result()
    return Outcome(steps.taken, not tasks[0].cancelled())


async def _made(call: Call) -> object:
    return await call()


def _counted(steps: Steps) -> Any:  # noqa: ANN401 - a context manager
    """Count the steps of the tasks that begin, on trio those of the current one as well."""
    return _counted_on_asyncio(steps) if on_asyncio() else _counted_on_trio(steps)


@contextmanager
def _counted_on_asyncio(steps: Steps) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def factory(of: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:  # noqa: ANN401
        return asyncio.Task(_drive(coroutine, steps), loop=of, **options)

    before = loop.get_task_factory()
    loop.set_task_factory(factory)
    try:
        yield
    finally:
        loop.set_task_factory(before)


async def _driven(call: Call, steps: Steps) -> object:
    return await _drive(_made(call), steps)


async def _drive(coroutine: Coroutine[Any, Any, object], steps: Steps) -> object:
    """Run a coroutine to its end, noting its steps."""
    return await _Driven(coroutine, steps)


class _Driven:
    """Passes on all between a coroutine and the event loop."""

    def __init__(self, coroutine: Coroutine[Any, Any, object], steps: Steps) -> None:
        self._coroutine = coroutine
        self._steps = steps

    def __await__(self) -> Generator[Any, Any, object]:
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                asked: Any = self._coroutine.send(value) if error is None else self._coroutine.throw(error)
            except StopIteration as end:
                return end.value
            self._steps.take()
            value = error = None
            try:
                value = yield asked
            except GeneratorExit:
                self._coroutine.close()
                raise
            except BaseException as exc:  # noqa: BLE001 - it is the coroutine's
                error = exc


class _Watch(trio.abc.Instrument):
    """Counts on trio."""

    def __init__(self, steps: Steps, task: trio.lowlevel.Task) -> None:
        self._steps = steps
        self._tasks = {task}

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        self._tasks.add(task)

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        self._tasks.discard(task)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task in self._tasks:
            self._steps.take()


@contextmanager
def _counted_on_trio(steps: Steps) -> Generator[None]:
    watch = _Watch(steps, trio.lowlevel.current_task())
    trio.lowlevel.add_instrument(watch)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(watch)
