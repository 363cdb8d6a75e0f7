"""Reading a container's log from an engine; GET /containers/{id}/logs."""

from datetime import datetime

from clab_runtime.engine.client import EngineClient
from clab_runtime.models import LogLine
from clab_runtime.runtime import arguments
from clab_runtime.stream import Stream
from clab_runtime.streams.logs import LogSource


def read_logs(  # noqa: PLR0913 - the endpoint's own
    engine: EngineClient,
    container: str,
    *,
    follow: bool = False,
    since: datetime | None = None,
    until: datetime | None = None,
    tail: int | None = None,
    timestamps: bool = False,
) -> Stream[LogLine]:
    """Prepare a stream of lines; whether there is a TTY is asked only where the answer leaves that open."""
    raw = engine.containers.logs(
        container,
        follow=follow,
        since=arguments.timestamp("since", since),
        until=arguments.timestamp("until", until),
        tail=tail,
        timestamps=timestamps,
    )

    async def has_tty() -> bool:
        return (await engine.containers.inspect(container)).config.tty

    return Stream(LogSource(raw, has_tty, timestamps=timestamps))
