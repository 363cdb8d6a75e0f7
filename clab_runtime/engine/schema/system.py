"""The engine as a whole: its versions, its host, its events."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from clab_runtime.engine.schema.base import Reply


class VersionComponent(Reply):
    """A part of the engine."""

    name: str = ""
    version: str = ""


class Version(Reply):
    """GET /version."""

    version: str = ""
    api_version: str = ""
    min_api_version: str = field(name="MinAPIVersion", default="")
    components: Sequence[VersionComponent] | None = None


class Info(Reply):
    """GET /info."""

    id: str = field(name="ID", default="")
    name: str = ""
    server_version: str = ""
    system_time: str = ""
    docker_root_dir: str = ""


class EventActor(Reply):
    """What an event happened to."""

    id: str = field(name="ID", default="")
    attributes: Mapping[str, str] | None = None


class Event(Struct):
    """A message of GET /events; `time` in seconds, `time_nano` in nanoseconds since 1970, on the engine's clock."""

    type: str = field(name="Type", default="")
    action: str = field(name="Action", default="")
    actor: EventActor = field(name="Actor", default_factory=EventActor)
    time: int = 0
    time_nano: int = field(name="timeNano", default=0)
    health_status: str = field(name="HealthStatus", default="")
    message: str = ""
    """What went wrong, where Podman sends that instead of an event."""
