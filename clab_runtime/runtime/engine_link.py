"""A runtime's link to its engine, from `init` to `aclose`: the client, and what all who listen and wait share."""

from collections.abc import Sequence

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.target import named
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import Bind, ContainerEvent, EventStreamOptions, LogLine, MgmtNet
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.events import EngineEvents, wanted_by
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.mgmt import complete
from clab_runtime.runtime.reading_logs import read_log
from clab_runtime.runtime.waits import Waits
from clab_runtime.stream import Stream
from clab_runtime.streams.event_hub import EventHub
from clab_runtime.streams.lasting_log import LastingLog


class EngineLink:
    """One engine that a runtime is in touch with."""

    def __init__(self, dialect: Dialect, endpoint: str | None, timeout: float) -> None:
        """Find the engine, as the dialect does where there is no endpoint; unary calls get `timeout` seconds."""
        self._dialect = dialect
        self.client = EngineClient(dialect.resolve(endpoint), timeout=timeout)
        self.events = EventHub(EngineEvents(self.client, dialect))
        """All streams of events, which share a connection."""
        self.waits = Waits(self.client, dialect, self._all_events, self._whole_log)
        self.cooc_mounts: Sequence[Bind] = ()
        """What a container that drives the engine needs mounted, asked for beforehand: who wants it can't wait."""

    async def open(self, mgmt: MgmtNet) -> MgmtNet:
        """See which engine it is, and return the management network with what the configuration leaves open."""
        try:
            await self._get_acquainted()
            return await complete(self.client, self._dialect.networks, mgmt)
        except BaseException:
            await self.client.aclose()  # nobody calls aclose() on what could not be opened
            raise

    async def aclose(self) -> None:
        """End the waits and the streams of events, and close the connections."""
        self.waits.close()
        try:
            await self.events.aclose()
        finally:
            await self.client.aclose()

    def stream_events(self, options: EventStreamOptions) -> Stream[ContainerEvent]:
        """Stream the events of containers with these labels."""
        return self.events.subscribe(wanted_by(options), options)

    def log(self, container: str, wish: LogWish) -> LastingLog:
        """Prepare to read a container's log."""
        origin = self._dialect.log(self.client, named(container, "container"), wish)
        return read_log(origin, wish, self._all_events)

    async def _get_acquainted(self) -> None:
        """Refuse an engine of another kind, or too old, and learn what depends on how it is run."""
        info = await self.client.info()
        if info.engine != self._dialect.name:
            raise UnsupportedOperationError(
                info.engine, info.version, f"the runtime {self._dialect.name!r}: use open_runtime({info.engine!r})"
            )
        self._dialect.check_engine(info)
        await self._dialect.learn(self.client)
        self.cooc_mounts = await self._dialect.cooc_mounts(self.client)

    def _all_events(self) -> Stream[ContainerEvent]:
        """Stream the events of all containers."""
        return self.stream_events(EventStreamOptions())

    def _whole_log(self, container: str, follow: bool) -> Stream[LogLine]:  # noqa: FBT001 - a ReadLog
        """Read a log from its beginning, for a wait."""
        return Stream(self.log(container, LogWish(follow=follow)))
