"""Which events an engine is asked for, and from when on."""

import time
from datetime import datetime

from clab_runtime.engine.client import EngineClient
from clab_runtime.models import EventStreamOptions


def event_filters(options: EventStreamOptions) -> dict[str, list[str]]:
    """Let the engine choose the events of containers with these labels; an empty value means that the key exists."""
    return {
        "type": ["container"],
        "label": [f"{key}={value}" if value else key for key, value in options.labels.items()],
    }


async def engine_time(engine: EngineClient) -> str:
    """Tell the time on the engine's clock, which over a unix socket is ours; GET /info."""
    if engine.endpoint.scheme == "unix":
        return f"{time.time():.9f}"
    moment = datetime.fromisoformat((await engine.system.info()).system_time)
    return f"{moment.timestamp():.9f}"
