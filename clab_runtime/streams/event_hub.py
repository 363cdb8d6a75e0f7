"""All streams of an engine's events over one connection, which begins with the first of them and ends with the last."""

from clab_runtime.errors import already_closed
from clab_runtime.models import ContainerEvent, EventStreamOptions
from clab_runtime.stream import Stream
from clab_runtime.streams.event_consumer import EventConsumer, Wanted
from clab_runtime.streams.event_reader import EventOrigin, EventReader


class EventHub:
    """Who listens, and the reader that is there for them."""

    def __init__(self, origin: EventOrigin) -> None:
        """Tell of what happens in an engine."""
        self._origin = origin
        self._consumers: dict[EventConsumer, None] = {}
        self._reader: EventReader | None = None
        self._closed = False

    def subscribe(self, wanted: Wanted, options: EventStreamOptions | None = None) -> Stream[ContainerEvent]:
        """Stream the events for which `wanted` is true, which sees those of a type other than containers' too.

        Of the options it is the buffer and the patience that count; the labels are for `wanted` to look at.
        """
        return Stream(EventConsumer(self, wanted, options or EventStreamOptions()))

    async def enter(self, consumer: EventConsumer) -> None:
        """Listen for a consumer from now on, on the engine's clock; raise what keeps us from it."""
        now = await self._origin.now()
        if self._closed:
            raise already_closed(self._origin.name)
        consumer.begin(now)
        self._consumers[consumer] = None
        try:
            if self._reader is None or not self._reader.is_running:
                self._reader = EventReader(self._origin, self._consumers.keys(), now)
            await self._reader.join(consumer)
        except BaseException:
            await self.leave(consumer)
            raise

    async def leave(self, consumer: EventConsumer) -> None:
        """Have nothing more for a consumer; the last one takes the reader along, and waits for its end."""
        if self._consumers.pop(consumer, self) is None and not self._consumers:
            await self._stop()

    async def aclose(self) -> None:
        """End all streams by an error, those to come as well."""
        self._closed = True
        for consumer in self._consumers:
            consumer.fail(already_closed(self._origin.name))
        await self._stop()

    async def _stop(self) -> None:
        """End the reader."""
        reader, self._reader = self._reader, None
        if reader is not None:
            await reader.stop()
