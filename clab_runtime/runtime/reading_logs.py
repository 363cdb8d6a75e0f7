"""Reading a container's log from an engine; GET /containers/{id}/logs."""

from clab_runtime.engine.client import EngineClient
from clab_runtime.models import LogLine
from clab_runtime.runtime.log_window import LogWindow
from clab_runtime.stream import Stream
from clab_runtime.streams.logs import LogSource


def read_logs(
    engine: EngineClient, container: str, window: LogWindow, *, follow: bool, timestamps: bool
) -> Stream[LogLine]:
    """Prepare a stream of lines; whether there is a TTY is asked only where the answer leaves that open."""
    raw = window.logs(engine, container, follow=follow, timestamps=timestamps)

    async def has_tty() -> bool:
        return (await engine.containers.inspect(container)).config.tty

    return Stream(LogSource(raw, has_tty, timestamps=timestamps))
