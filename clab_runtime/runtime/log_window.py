"""Which part of a log is wanted."""

from datetime import datetime

import msgspec

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.runtime import arguments


class LogWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What is written from and up to a moment, and its last lines; malformed times are refused at once."""

    since: datetime | None = None
    until: datetime | None = None
    tail: int | None = None

    def __post_init__(self) -> None:
        arguments.timestamp("since", self.since)
        arguments.timestamp("until", self.until)

    def logs(
        self, engine: EngineClient, container: str, *, follow: bool = False, timestamps: bool = False
    ) -> RawStream:
        """Prepare to read it; GET /containers/{id}/logs."""
        return engine.containers.logs(
            container,
            follow=follow,
            since=arguments.timestamp("since", self.since),
            until=arguments.timestamp("until", self.until),
            tail=self.tail,
            timestamps=timestamps,
        )
