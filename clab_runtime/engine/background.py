"""A task that belongs to the event loop and to no task group: who starts it may leave its scopes in any order.

A stream can't keep a task group open, since a scope must not stand around its user's `yield`. On asyncio it is a task
of the loop, on trio a system task; both are cancelled when the loop ends.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import Final

import anyio
from anyio.lowlevel import current_token

logger = logging.getLogger("clab_runtime")

LAST_MOMENTS: Final = 10.0
"""Seconds that a task may take to end once it is cancelled; closing connections takes far less."""


class Background:
    """A task that has been started; whoever started it stops it."""

    def __init__(self, call: Callable[[], Awaitable[object]], name: str) -> None:
        """Run `call`, which should raise nothing: where it does, that is logged."""
        self._call = call
        self._name = name
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._task = self._spawn()  # asyncio itself keeps no task from being collected

    @property
    def is_running(self) -> bool:
        """Whether the task has not ended yet."""
        return not self._ended.is_set()

    async def stop(self) -> None:
        """Cancel the task, and wait for its end, be the caller cancelled or not."""
        self._scope.cancel()
        with anyio.move_on_after(LAST_MOMENTS, shield=True):
            await self._ended.wait()

    def _spawn(self) -> object:
        """Start the task in the event loop that runs."""
        loop = current_token().native_token
        if isinstance(loop, asyncio.AbstractEventLoop):
            return loop.create_task(self._run(), name=self._name)
        trio = sys.modules["trio"]  # it runs, so it is there
        return trio.lowlevel.spawn_system_task(self._run, name=self._name, context=copy_context())

    async def _run(self) -> None:
        """Run until the end; an error that nobody expects must not take the event loop along."""
        try:
            with self._scope:
                await self._call()
        except Exception:
            logger.exception("%s has ended by an error that it should have handled", self._name)
        finally:
            self._ended.set()
