"""Which events an engine is asked for, and from when on."""

import time
from datetime import datetime

from clab_runtime.engine.client import EngineClient
from clab_runtime.models import EventStreamOptions

_SECOND = 1_000_000_000


def event_filters(options: EventStreamOptions) -> dict[str, list[str]]:
    """Let the engine choose the events of containers with these labels; an empty value means that the key exists."""
    return {
        "type": ["container"],
        "label": [f"{key}={value}" if value else key for key, value in options.labels.items()],
    }


async def engine_time(engine: EngineClient) -> str:
    """Tell the time on the engine's clock, which over a unix socket is ours; GET /info."""
    if _is_ours(engine):
        return f"{time.time():.9f}"
    return f"{await _asked(engine):.9f}"


async def clock_lead(engine: EngineClient) -> int:
    """Tell by how many nanoseconds, at most, the engine's clock is ahead of ours; GET /info."""
    if _is_ours(engine):
        return 0
    before = time.time()
    return int((await _asked(engine) - before) * _SECOND)


def _is_ours(engine: EngineClient) -> bool:
    """Tell whether the engine's clock is this machine's."""
    return engine.endpoint.scheme == "unix"


async def _asked(engine: EngineClient) -> float:
    """Ask for the time, in seconds since the epoch."""
    return datetime.fromisoformat((await engine.system.info()).system_time).timestamp()
