"""What happens to containers, as the engine tells it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from clab_runtime.errors import InvalidValueError
from clab_runtime.models.base import Model
from clab_runtime.models.given import GivenModel


class EventType(StrEnum):
    """What an event is about."""

    CONTAINER = "container"


class EventAction(StrEnum):
    """What happened to a container, in Docker's words on every engine."""

    START = "start"
    UNPAUSE = "unpause"
    RESTART = "restart"
    DIE = "die"
    STOP = "stop"
    DESTROY = "destroy"
    KILL = "kill"
    ATTACH = "attach"
    COMMIT = "commit"
    COPY = "copy"
    CREATE = "create"
    DETACH = "detach"
    EXEC_DETACH = "exec_detach"
    EXEC_DIE = "exec_die"
    EXPORT = "export"
    HEALTHY = "health_status: healthy"
    OOM = "oom"
    PAUSE = "pause"
    RENAME = "rename"
    RESIZE = "resize"
    TOP = "top"
    UNHEALTHY = "health_status: unhealthy"
    UPDATE = "update"

    @classmethod
    def of(cls, word: str) -> "EventAction | str":
        """Take the engine's word; one that is not listed here stays the string it is (`exec_start: ls -l`)."""
        try:
            return cls(word)
        except ValueError:
            return word


class ContainerEvent(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Something that happened to a container."""

    timestamp: datetime
    """When, in UTC, to the microsecond."""
    time_nano: int = 0
    """When, in nanoseconds since the epoch; 0 where the engine does not say."""
    type: EventType | str = EventType.CONTAINER
    """What the event is about."""
    action: EventAction | str
    """What happened; a plain string where the engine's word is none of `EventAction`."""
    actor_id: str = ""
    """The container's id, its first 12 characters."""
    actor_name: str = ""
    """The container's name."""
    actor_full_id: str = ""
    """The container's whole id."""
    attributes: Mapping[str, str] = {}
    """The container's labels, and what the engine adds: image, exitCode, signal, execID."""


class EventStreamOptions(GivenModel, frozen=True, omit_defaults=True):
    """Which events to stream."""

    labels: Mapping[str, str] = {}
    """The labels that the container has, all of them; an empty value: the label exists."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "" in self.labels:
            raise InvalidValueError("labels", "", "name the label")
