"""What happens to containers, as the engine tells it."""

from collections.abc import Awaitable, Callable, Iterator

from clab_runtime.engine import schema
from clab_runtime.engine.framing import JSONDecoder
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import EngineProtocolError
from clab_runtime.models import ContainerEvent


class EventSource:
    """The events that the engine sends from the moment of opening."""

    def __init__(
        self, listen: Callable[[], Awaitable[RawStream]], translate: Callable[[schema.Event], ContainerEvent | None]
    ) -> None:
        """Read the answer that `listen` prepares; an event that `translate` makes None of is left out."""
        self._listen = listen
        self._translate = translate
        self._raw: RawStream | None = None
        self._decoder = JSONDecoder(schema.Event)

    async def open(self) -> None:
        """Send the request."""
        raw = await self._listen()
        await raw.open()
        self._raw = raw

    async def next_batch(self) -> Iterator[ContainerEvent] | None:
        """Return the events in the next piece; an answer that ends is an engine that went away."""
        if self._raw is None:
            return None
        if data := await self._raw.receive():
            return filter(None, map(self._translate, self._decoder.feed(data)))
        raise EngineProtocolError("the engine ended the stream of events; it may have been stopped")

    async def aclose(self) -> None:
        """Close the answer."""
        if self._raw is not None:
            await self._raw.aclose()
