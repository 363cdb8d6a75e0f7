"""Answers that go on: their bytes as they come (`RawStream`), and the JSON objects in them (`JSONSource`)."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import anyio
import httpx

from clab_runtime.engine.framing import JSONDecoder
from clab_runtime.engine.pace import Pace
from clab_runtime.errors import EngineStreamError

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient, Options

T = TypeVar("T")


FOREIGN_ERRORS = (TimeoutError, httpx.TransportError)
"""What a transport may raise that is not one of our own errors."""


def body_of(response: httpx.Response) -> httpx.AsyncByteStream:
    """Return the body's stream, past httpx's own decoding: engines send nothing encoded."""
    return cast("httpx.AsyncByteStream", response.stream)


class Upload(httpx.AsyncByteStream):
    """A request's body, as httpx wants a stream to be."""

    def __init__(self, content: AsyncIterable[bytes]) -> None:
        """Send what `content` yields."""
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return aiter(self._content)


class RawStream:
    """The body of an answer that goes on, as the bytes come."""

    def __init__(self, client: "EngineClient", method: str, path: str, options: "Options") -> None:
        """Note what to ask for; `open` asks."""
        self._client = client
        self._call = (method, path, options)
        self._response: httpx.Response | None = None
        self._pieces: AsyncIterator[bytes] | None = None
        self._pace = Pace()

    @property
    def content_type(self) -> str:
        """The answer's Content-Type, empty when there is none."""
        return "" if self._response is None else self._response.headers.get("content-type", "")

    @property
    def date(self) -> str:
        """The answer's Date, when it began on the engine's clock in whole seconds; empty when there is none."""
        return "" if self._response is None else self._response.headers.get("date", "")

    async def open(self) -> None:
        """Send the request and wait for the answer's head; raise what an error status stands for."""
        method, path, options = self._call
        self._response = await self._client.open(method, path, **options)
        self._pieces = aiter(body_of(self._response))

    async def receive(self) -> bytes:
        """Return the next bytes, `b""` after the last; raise EngineProtocolError when the engine breaks off."""
        await self._pace.before_read()
        if self._pieces is None:
            raise anyio.ClosedResourceError
        try:
            data = await anext(self._pieces, b"")
        except FOREIGN_ERRORS as exc:
            raise self._client.translated(*self._call[:2], exc) from exc
        self._pace.after_read(len(data))
        return data

    async def aclose(self) -> None:
        """Close the connection."""
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            await body_of(response).aclose()


class JSONSource(Generic[T]):
    """The JSON objects in an answer that goes on."""

    def __init__(self, raw: RawStream, kind: type[T], failure: Callable[[T], str]) -> None:
        """Decode objects of `kind`; one for which `failure` finds words raises EngineStreamError with them."""
        self._raw = raw
        self._decoder = JSONDecoder(kind)
        self._failure = failure

    async def open(self) -> None:
        """Send the request."""
        await self._raw.open()

    async def next_batch(self) -> Iterator[T] | None:
        """Return the objects in the next piece."""
        data = await self._raw.receive()
        if data:
            return self._checked(self._decoder.feed(data))
        self._decoder.finish()
        return None

    async def aclose(self) -> None:
        """Close the answer."""
        await self._raw.aclose()

    def _checked(self, items: Iterator[T]) -> Iterator[T]:
        """Let items pass until one reports a failure."""
        for item in items:
            if words := self._failure(item):
                raise EngineStreamError(words)
            yield item
