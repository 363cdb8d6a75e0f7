"""Reading a container's log, through cuts and, if wanted, through the container's restarts."""

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Final, Self

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.errors import ContainerRuntimeError, NotFoundError
from clab_runtime.models import ContainerEvent
from clab_runtime.runtime.log_origin import LogOrigin
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.stream import Stream
from clab_runtime.streams.lasting_log import LastingLog, Look

FIRST_LOOK, LAST_LOOK = 0.1, 2.0
"""Seconds between two looks at a container that has ended, where no event tells of it."""

HEARTBEAT: Final = 10.0
"""Seconds after which it is looked at all the same."""

Events = Callable[[], Stream[ContainerEvent]]


def read_log(origin: LogOrigin, wish: LogWish, events: Events) -> LastingLog:
    """Prepare to read a log; `events` tells of the container's next start, if it is waited for."""

    async def next_start(ended: Look) -> bool:
        return await started_again(origin, ended, events)

    return LastingLog(
        origin,
        follow=wish.follow,
        timestamps=wish.timestamps,
        next_start=next_start if wish.follow_restarts else None,
        give_up_after=wish.give_up_after,
    )


async def started_again(origin: LogOrigin, ended: Look, events: Events) -> bool:
    """Wait until a container that has ended has been started since; False: it is gone."""
    if ended.runs:
        return True
    async with _Bell(events, ended.id) as bell:
        while True:
            try:
                look = await origin.look()
            except NotFoundError:
                return False
            if look.started_at != ended.started_at:
                return True
            await bell.wait()


class _Bell:
    """Rings when something has happened to a container, or could have."""

    def __init__(self, events: Events, container_id: str) -> None:
        self._events: Stream[ContainerEvent] | None = events()
        self._id = container_id
        self._looks: Iterator[float] = growing_delays(FIRST_LOOK, LAST_LOOK)

    async def __aenter__(self) -> Self:
        if self._events is not None:
            try:
                await self._events.__aenter__()
            except ContainerRuntimeError:
                await self._without_events()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._events is not None:
            await self._events.aclose()

    async def wait(self) -> None:
        """Wait for an event, or for a while."""
        if self._events is None:
            await anyio.sleep(next(self._looks))
            return
        try:
            with anyio.move_on_after(HEARTBEAT):
                await self._hear(self._events)
        except ContainerRuntimeError:
            await self._without_events()

    async def _hear(self, events: Stream[ContainerEvent]) -> None:
        """Wait for an event of the container's, or for one that tells of a gap, which has no container."""
        async for event in events:
            if event.actor_full_id in {self._id, ""}:
                return
        await self._without_events()

    async def _without_events(self) -> None:
        """Go on without events: there are none."""
        events, self._events = self._events, None
        if events is not None:
            await events.aclose()
