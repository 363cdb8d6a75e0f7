"""Measuring containers: once, and again and again in the background of a stream."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Final, cast

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.background import Background
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.target import named
from clab_runtime.engine.tasks import run_all
from clab_runtime.errors import (
    EngineConnectionError,
    EngineInternalError,
    EngineProtocolError,
    EngineStreamError,
    InvalidValueError,
    NotFoundError,
)
from clab_runtime.models import ContainerStats
from clab_runtime.models.base import is_list
from clab_runtime.runtime.diagnosis import diagnose
from clab_runtime.runtime.stats_board import Part, StatsBoard

TRANSIENT: Final = (
    EngineConnectionError,
    EngineProtocolError,
    EngineStreamError,
    EngineInternalError,
    TimeoutError,
)
"""What may pass, so that it costs measurements only."""

GIVE_UP_AFTER = 60.0
"""Seconds without a measurement after which a stream ends by an error."""

_FIRST_DELAY, _LAST_DELAY = 0.1, 5.0

Measure = Callable[[EngineClient, str], Awaitable[ContainerStats | None]]
"""What measures a container, by its id, once; None: it does not run."""
Follow = Callable[[EngineClient, StatsBoard], Awaitable[None]]
"""What measures the containers of a board until all have ended."""


class Patience:
    """How long one that measures goes on after faults: a lost measurement is no lie, a long silence would be one."""

    def __init__(self, engine: EngineClient) -> None:
        """Have patience with an engine."""
        self._engine = engine
        self._since: float | None = None
        self._delays = growing_delays(_FIRST_DELAY, _LAST_DELAY)

    def renew(self) -> None:
        """Note that a measurement has come."""
        self._since = None

    async def after(self, error: Exception) -> None:
        """Wait a little after a fault; raise when it has lasted too long, or nobody asks any more."""
        now = anyio.current_time()
        if self._since is None:
            self._since = now
            self._delays = growing_delays(_FIRST_DELAY, _LAST_DELAY)
        if now - self._since >= GIVE_UP_AFTER:
            problem = f"no measurement for {GIVE_UP_AFTER:g} s: {error}"
            raise EngineConnectionError(
                str(self._engine.endpoint), problem, "see whether the engine is well"
            ) from error
        await self._engine.pause(next(self._delays))


async def is_running(engine: EngineClient, container: str) -> bool:
    """Tell whether a container is there and has a process, or gets one by itself; GET /containers/{id}/json."""
    try:
        return (await engine.containers.inspect(container)).state.running
    except NotFoundError:
        return False


async def find_part(engine: EngineClient, container: str) -> Part:
    """Find a container that runs; GET /containers/{id}/json. Raises ContainerExitedError when it does not."""
    inspect = await engine.containers.inspect(container)
    if not inspect.state.running:
        raise await diagnose(engine, container)
    return Part(container, inspect.name.removeprefix("/"), inspect.id)


async def measure_once(engine: EngineClient, measure: Measure, container: str) -> ContainerStats:
    """Measure a container that runs."""
    part = await find_part(engine, container)
    item = await measure(engine, part.id)
    if item is None or (item := part.next(item, 0)) is None:
        raise await diagnose(engine, container)
    return item


def checked_names(containers: object) -> Sequence[str]:
    """Take one name or several; refuse none at all."""
    names = (containers,) if isinstance(containers, str) else containers
    if not is_list(names):
        raise InvalidValueError("containers", type(containers), "give a container's name, or a list of names")
    found = tuple(named(name, "containers") for name in cast("Iterable[str]", names))
    if not found:
        raise InvalidValueError("containers", found, "name at least one container")
    return found


class StatsSource:
    """The measurements of containers, taken by a task in the background from opening to closing."""

    def __init__(self, engine: EngineClient, follow: Follow, containers: Sequence[str], interval: float) -> None:
        """Measure these containers, by name or id, every so many seconds."""
        self._engine = engine
        self._follow = follow
        self._containers = containers
        self._interval = interval
        self._board: StatsBoard | None = None
        self._background: Background | None = None

    async def open(self) -> None:
        """See that the containers run, and begin to measure."""
        found: dict[str, Part] = {}

        async def find(container: str) -> None:
            found[container] = await find_part(self._engine, container)

        names = dict.fromkeys(self._containers)
        await run_all(partial(find, name) for name in names)
        parts = {found[name].id: found[name] for name in reversed(names)}  # named twice, the first name counts
        self._board = StatsBoard(reversed(parts.values()), self._interval)
        self._background = Background(partial(self._measure, self._board), "measuring containers")

    async def next_batch(self) -> Sequence[ContainerStats] | None:
        """Return the next item; one is enough, for the others get no older by waiting on the board."""
        return None if self._board is None else await self._board.take()

    async def aclose(self) -> None:
        """Stop measuring."""
        if self._board is not None:
            self._board.complete()
        if self._background is not None:
            await self._background.stop()

    async def _measure(self, board: StatsBoard) -> None:
        """Measure until all containers have ended; hand an error over to the consumer."""
        failure: Exception | None = None
        try:
            await self._follow(self._engine, board)
        except Exception as exc:  # noqa: BLE001 - the consumer raises it
            failure = exc
        board.complete(failure)
