"""What happens to containers, as Podman tells it: asked for, and put into Docker's words.

Podman writes a log: it outlasts the engine, and is read from the beginning again when it has grown too large. The end
of one command may be written twice.
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from msgspec import structs

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import ContainerEvent, EventType
from clab_runtime.runtime.translate import event_from_wire
from clab_runtime.streams.event_memory import EventHistory

T = TypeVar("T")

HISTORY: Final = EventHistory(
    is_log=True,
    overlap=5_000_000_000,  # several processes write it, each an event that it may have dated some time before
    loss="the connection was lost, and Podman's log of events does not go back to the last one before that",
)

COUNTED: Final = 10_000
"""Containers whose commands are counted at once."""

_SAME_END: Final = 1_000_000_000
"""Nanoseconds within which two ends of one command are written."""

_ACTIONS: Mapping[str, str] = {
    "died": "die",
    "remove": "destroy",
    "exec": "exec_start",
    "exec_died": "exec_die",
}
_EXIT_CODE = "containerExitCode"
_ENDS = frozenset({"die", "exec_die"})
_NONE = "none"


async def listen(engine: EngineClient, since: str, event_logger: str) -> RawStream:
    """Prepare to read the events of containers since a moment, which Podman keeps with a logger; GET /events."""
    if not are_logged(event_logger):
        info = await engine.info()
        feature = "events: it logs none; set events_logger to journald or file in its containers.conf"
        raise UnsupportedOperationError(info.engine, info.version, feature)
    return engine.system.events(filters={"type": [EventType.CONTAINER]}, since=since)


def are_logged(event_logger: str) -> bool:
    """Tell whether Podman keeps events."""
    return event_logger != _NONE


class PodmanEvents:
    """Events in the order of their coming, put into Docker's words."""

    def __init__(self) -> None:
        """Know of no command that runs."""
        self._commands: dict[str, int] = {}
        self._ended: dict[str, tuple[str, int]] = {}

    def __call__(self, event: schema.Event) -> ContainerEvent | None:
        """Tell of an event; None: it is an end that has been told already."""
        worded = in_dockers_words(event)
        return None if self._is_second_end(worded) else event_from_wire(worded)

    def _is_second_end(self, event: schema.Event) -> bool:
        """Tell whether this is the end of a command that has just ended, while no other one is known to run."""
        container = event.actor.id
        if event.action == "destroy":
            self._commands.pop(container, None)
            self._ended.pop(container, None)
        elif event.action == "exec_start":
            self._count(container, 1)
        elif event.action == "exec_die":
            return self._ends_again(container, (event.actor.attributes or {}).get("exitCode", ""), event.time_nano)
        return False

    def _ends_again(self, container: str, code: str, moment: int) -> bool:
        """Count the end of a command."""
        running = self._commands.get(container, 0)
        last_code, last_moment = self._ended.get(container, ("", -_SAME_END))
        if not running and code == last_code and moment - last_moment < _SAME_END:
            return True
        self._count(container, -1)
        self._ended.pop(container, None)
        self._ended[container] = (code, moment)
        _limit(self._ended)
        return False

    def _count(self, container: str, more: int) -> None:
        """Count the commands that run in a container."""
        self._commands[container] = max(self._commands.pop(container, 0) + more, 0)
        _limit(self._commands)


def _limit(containers: dict[str, T]) -> None:
    """Forget the container that nothing has been heard of for longest: its end may have been missed."""
    if len(containers) > COUNTED:
        del containers[next(iter(containers))]


def in_dockers_words(event: schema.Event) -> schema.Event:
    """Put an event into Docker's words; Podman's own are those of containers alone: a network has a `remove` there."""
    if event.type != EventType.CONTAINER:
        return event
    action = _ACTIONS.get(event.action, event.action)
    if action == "health_status" and event.health_status:
        action = f"{action}: {event.health_status}"
    attributes = _attributes(event.actor.attributes or {}, action)
    return structs.replace(event, action=action, actor=schema.EventActor(id=event.actor.id, attributes=attributes))


def _attributes(attributes: Mapping[str, str], action: str) -> Mapping[str, str]:
    """Call the exit code `exitCode`, where there is one: Podman 4 has one of 0 in every event."""
    kept = {key: value for key, value in attributes.items() if key != _EXIT_CODE}
    if action in _ENDS and _EXIT_CODE in attributes:
        kept.setdefault("exitCode", attributes[_EXIT_CODE])
    return kept
