"""The events of an engine: from when on it is asked for them, and which of them a stream wants."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.models import ContainerEvent, EventStreamOptions, EventType
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.streams.event_memory import EventHistory

_SECOND: Final = 1_000_000_000
_MICROSECOND: Final = 1000


class EngineEvents:
    """What the hub has to know of an engine; see EventOrigin."""

    def __init__(self, engine: EngineClient, dialect: Dialect) -> None:
        """Ask `engine`, as `dialect` says."""
        self._engine = engine
        self._dialect = dialect

    @property
    def name(self) -> str:
        """Where it is."""
        return str(self._engine.endpoint)

    @property
    def timeout(self) -> float:
        """Seconds that it gets to answer."""
        return self._engine.timeout

    @property
    def history(self) -> EventHistory:
        """What it remembers."""
        return self._dialect.event_history

    async def now(self) -> int:
        """Tell the time on the engine's clock; GET /info."""
        return await engine_time(self._engine)

    async def listen(self, since: int) -> RawStream:
        """Prepare to read its events since a moment; GET /events."""
        return await self._dialect.listen(self._engine, f"{since // _SECOND}.{since % _SECOND:09d}")

    def translator(self) -> Callable[[schema.Event], ContainerEvent | None]:
        """Make what puts its events into Docker's words."""
        return self._dialect.event_reader()


async def engine_time(engine: EngineClient) -> int:
    """Tell the time on the engine's clock, in nanoseconds since 1970; over a unix socket it is ours; GET /info."""
    if _is_ours(engine):
        return time.time_ns()
    moment = datetime.fromisoformat((await engine.system.info()).system_time)
    return int(moment.timestamp()) * _SECOND + moment.microsecond * _MICROSECOND


async def clock_lead(engine: EngineClient) -> int:
    """Tell by how many nanoseconds, at most, the engine's clock is ahead of ours; GET /info."""
    if _is_ours(engine):
        return 0
    before = time.time_ns()
    return await engine_time(engine) - before


def _is_ours(engine: EngineClient) -> bool:
    """Tell whether the engine's clock is this machine's."""
    return engine.endpoint.scheme == "unix"


def wanted_by(options: EventStreamOptions) -> Callable[[ContainerEvent], bool]:
    """Make what tells the events of containers with these labels; an empty value means that the key exists."""
    labels = tuple(options.labels.items())

    def is_wanted(event: ContainerEvent) -> bool:
        attributes = event.attributes
        return event.type == EventType.CONTAINER and all(
            key in attributes and (not value or attributes[key] == value) for key, value in labels
        )

    return is_wanted
