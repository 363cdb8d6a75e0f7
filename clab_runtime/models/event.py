"""What happens to containers, as the engine tells it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from clab_runtime.errors import InvalidValueError, not_among
from clab_runtime.models.base import Model
from clab_runtime.models.given import GivenModel


class EventType(StrEnum):
    """What an event is about."""

    CONTAINER = "container"
    GAP = "gap"
    """No event of the engine's: what happened for a while is not known; see EventGap."""


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
    GAP = "gap"
    """The action of an EventGap."""

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


class EventGap(ContainerEvent, frozen=True, kw_only=True, omit_defaults=True):
    """A span of time whose events are not known; whoever keeps a list of containers lists them anew.

    It stands in the stream where the events are missing; its timestamp is the span's end.
    """

    type: EventType | str = EventType.GAP
    action: EventAction | str = EventAction.GAP
    since: datetime
    """When the last event before the span happened, or when the stream was opened, on the engine's clock."""
    reason: str
    """Why they are not known, in words for people."""


class Overflow(StrEnum):
    """What becomes of a stream whose consumer is slower than the engine, once its buffer is full."""

    DROP_OLDEST = "drop-oldest"
    """The oldest events make room, and an EventGap stands where they were."""
    DROP_NEWEST = "drop-newest"
    """What comes is dropped until there is room again; an EventGap stands behind the events that were kept."""
    RAISE = "raise"
    """The stream gives what it has, and then raises EventOverflowError."""

    @classmethod
    def _missing_(cls, value: object) -> "Overflow":
        raise not_among("overflow", value, cls)


class EventStreamOptions(GivenModel, frozen=True, omit_defaults=True):
    """Which events to stream, and what is done when the consumer, or the engine, is not there for a while."""

    labels: Mapping[str, str] = {}
    """The labels that the container has, all of them; an empty value: the label exists."""
    buffer: int = 10_000
    """How many events wait for the consumer at most."""
    overflow: Overflow = Overflow.DROP_OLDEST
    """What is done with more."""
    give_up_after: float = 60.0
    """Seconds for which an engine may be away before the stream raises EngineConnectionError; `math.inf`: for ever."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "" in self.labels:
            raise InvalidValueError("labels", "", "name the label")
        if self.buffer < 1:
            raise InvalidValueError("buffer", self.buffer, "give the number of events that may wait, 1 or more")
        if not self.give_up_after >= 0:
            raise InvalidValueError("give_up_after", self.give_up_after, "give seconds, 0 or more")
