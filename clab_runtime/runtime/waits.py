"""Waiting for the containers of one engine: what a runtime's methods, and its handles, are made of."""

import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.target import named
from clab_runtime.errors import EngineConnectionError, InvalidValueError, WaitTimeoutError
from clab_runtime.models import ContainerEvent, WaitCondition, WaitResult
from clab_runtime.models.given import check
from clab_runtime.runtime.arguments import check_condition, check_seconds
from clab_runtime.runtime.certificates import none_left
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.events import clock_lead
from clab_runtime.runtime.log_search import ReadLog
from clab_runtime.runtime.wait_call import Surroundings, WaitCall, too_late
from clab_runtime.runtime.wait_outcome import Verdict
from clab_runtime.runtime.wait_seat import Bell
from clab_runtime.runtime.waiting_room import WaitingRoom
from clab_runtime.stream import Stream

Pause = Callable[[float], Awaitable[None]]
"""What waits so many seconds, or until something has happened since it returned last."""


class Waits:
    """All waits for the containers of one engine."""

    def __init__(
        self, engine: EngineClient, dialect: Dialect, listen: Callable[[], Stream[ContainerEvent]], read_log: ReadLog
    ) -> None:
        """Wait on an engine, whose events and logs are had as told."""
        self._endpoint = str(engine.endpoint)
        self._room = WaitingRoom(
            listen, partial(dialect.glances, engine), partial(dialect.look, engine), partial(clock_lead, engine)
        )
        self._around = Surroundings(engine, dialect, self._room, read_log)

    async def for_all(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        timeout: float = math.inf,  # noqa: ASYNC109 - the error that it raises says what was waited for
    ) -> Sequence[WaitResult]:
        """Wait for all; the first that can't come to it any more raises."""
        call = await self._waited(containers, condition, timeout, every=True)
        for outcome in call.outcomes:
            if outcome.error is not None:
                raise outcome.error
        return [outcome.result for outcome in call.outcomes]

    async def for_any(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        timeout: float = math.inf,  # noqa: ASYNC109 - the error that it raises says what was waited for
    ) -> WaitResult:
        """Wait for one of them; raises when none can come to it any more."""
        call = await self._waited(containers, condition, timeout, every=False)
        for outcome in call.outcomes:
            if outcome.verdict is Verdict.MET:
                return outcome.result
        raise none_left([outcome.error for outcome in call.outcomes if outcome.error is not None])

    async def for_one(self, container: str, condition: WaitCondition) -> WaitResult:
        """Wait for one, without a limit."""
        return await self.for_any([container], condition)

    @asynccontextmanager
    async def bell(self, container: str) -> AsyncGenerator[Pause]:
        """Give what waits until something happens to a container, which need not exist yet."""
        bell = Bell(container)
        self._room.ring_for(bell)

        async def pause(seconds: float) -> None:
            with anyio.move_on_after(seconds):
                await self._room.attend(bell.seat, bell.is_over)
            bell.reset()

        try:
            yield pause
        finally:
            await self._room.silence(bell)

    def close(self) -> None:
        """End all waits: nobody will talk to the engine any more."""
        self._room.close(EngineConnectionError(self._endpoint, "the runtime was closed", "close it after the waits"))

    async def _waited(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        timeout: float,  # noqa: ASYNC109 - as above
        *,
        every: bool,
    ) -> WaitCall:
        """Wait until it is settled; raise WaitTimeoutError when time runs out before that."""
        _check_names(containers)
        check_condition(condition)
        check_seconds("timeout", timeout)
        if not (containers or every):
            raise InvalidValueError("containers", containers, "name one container, or more")
        call = WaitCall(self._around, containers, condition, every=every)
        await call.run(timeout)
        if not call.is_settled:
            raise WaitTimeoutError(too_late(call, condition, timeout))
        return call


def _check_names(containers: Sequence[str]) -> None:
    """Refuse what names no containers; people pass one name, which would fall apart into letters."""
    check("containers", containers, Sequence[str])
    for container in containers:
        named(container, "container")
