"""What happens to containers, and to networks through them, as dockerd tells it."""

from typing import Final

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.models import ContainerEvent, EventType
from clab_runtime.runtime.translate import event_from_wire
from clab_runtime.streams.event_memory import EventHistory

HISTORY: Final = EventHistory(
    is_log=False,
    overlap=2_000_000_000,
    loss="the connection was lost, and dockerd, which keeps its last 256 events until it is restarted, does not know "
    "any more what happened meanwhile",
)

_NETWORK = "network"
_PLUGS = frozenset({"connect", "disconnect"})


def listen(engine: EngineClient, since: str) -> RawStream:
    """Prepare to read what happens since a moment; GET /events."""
    return engine.system.events(filters={"type": [EventType.CONTAINER, _NETWORK]}, since=since)


def translate(event: schema.Event) -> ContainerEvent | None:
    """Tell of a container, or of one that a network gets or loses: the event has its id as `container`."""
    if event.type == _NETWORK and event.action not in _PLUGS:
        return None
    return event_from_wire(event)
