"""What happens to containers, as Podman tells it: asked for, put into Docker's words, and told once.

Podman's own choice by labels knows no label without a value, and lets pass what has one label of several; so labels are
compared here. Its event log is a file that is read from the beginning again when it has grown too large, and the end
of one command may be written twice.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import structs

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import ContainerEvent, EventStreamOptions, EventType
from clab_runtime.runtime.event_filters import engine_time
from clab_runtime.runtime.translate import event_from_wire

REMEMBERED: Final = 20_000
"""Events that are known again: more than Podman's log of 1 MB holds before it is cut."""

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


async def listen(engine: EngineClient, event_logger: str) -> RawStream:
    """Prepare to read the events of containers from now on, which Podman keeps with a logger; GET /events."""
    if event_logger == _NONE:
        info = await engine.info()
        feature = "events: it logs none; set events_logger to journald or file in its containers.conf"
        raise UnsupportedOperationError(info.engine, info.version, feature)
    return engine.system.events(filters={"type": [EventType.CONTAINER]}, since=await engine_time(engine))


class PodmanEvents:
    """The events of one stream, put into Docker's words."""

    def __init__(self, options: EventStreamOptions) -> None:
        """Choose the events of containers that have these labels; an empty value means that the key exists."""
        self._labels = options.labels
        self._seen: dict[tuple[str, str, int], None] = {}
        self._commands: dict[str, int] = {}
        self._ended: dict[str, tuple[str, int]] = {}

    def __call__(self, event: schema.Event) -> ContainerEvent | None:
        """Tell of an event; None: it has been told of already, or is of another container."""
        if not self._is_wanted(event.actor.attributes or {}) or self._is_known(event):
            return None
        worded = in_dockers_words(event)
        return None if self._is_second_end(worded) else event_from_wire(worded)

    def _is_wanted(self, attributes: Mapping[str, str]) -> bool:
        """Hold an event's labels against those that are asked for."""
        return all(key in attributes and (not value or attributes[key] == value) for key, value in self._labels.items())

    def _is_known(self, event: schema.Event) -> bool:
        """Tell whether this very event has come before."""
        key = (event.actor.id, event.action, event.time_nano)
        if key in self._seen:
            return True
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return False

    def _is_second_end(self, event: schema.Event) -> bool:
        """Tell whether this is the end of a command that has just ended, while no other one is known to run."""
        container = event.actor.id
        if event.action == "destroy":
            self._commands.pop(container, None)
            self._ended.pop(container, None)
        elif event.action == "exec_start":
            self._commands[container] = self._commands.get(container, 0) + 1
        elif event.action == "exec_die":
            return self._ends_again(container, (event.actor.attributes or {}).get("exitCode", ""), event.time_nano)
        return False

    def _ends_again(self, container: str, code: str, moment: int) -> bool:
        """Count the end of a command."""
        running = self._commands.get(container, 0)
        last_code, last_moment = self._ended.get(container, ("", -_SAME_END))
        if not running and code == last_code and moment - last_moment < _SAME_END:
            return True
        self._commands[container] = max(running - 1, 0)
        self._ended[container] = (code, moment)
        return False


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
