"""Answers that go on: the bytes of one (`RawStream`), and the items in them (`Stream`).

A stream is an async context manager and an async iterator. It is opened when it is entered or first iterated, has no
time-out of its own, and ends because it is complete, because it is closed, or by raising: never silently. A cancelled
`anext` loses nothing and may be repeated. One left open warns.
"""

import time
import warnings
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar, cast

import anyio
import httpx
from anyio.lowlevel import checkpoint

from clab_runtime.engine.framing import JSONDecoder
from clab_runtime.errors import EngineStreamError

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient, Options

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


GATHERING_TIME = 0.001
"""Seconds between two looks at a stream that never makes us wait; the kernel's buffer holds more than comes in it."""

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

    @property
    def content_type(self) -> str:
        """The answer's Content-Type, empty when there is none."""
        return "" if self._response is None else self._response.headers.get("content-type", "")

    async def open(self) -> None:
        """Send the request and wait for the answer's head; raise what an error status stands for."""
        method, path, options = self._call
        self._response = await self._client.open(method, path, **options)
        self._pieces = aiter(body_of(self._response))

    async def receive(self) -> bytes:
        """Return the next bytes, `b""` after the last; raise EngineProtocolError when the engine breaks off."""
        if self._pieces is None:
            raise anyio.ClosedResourceError
        try:
            return await anext(self._pieces, b"")
        except FOREIGN_ERRORS as exc:
            raise self._client.translated(*self._call[:2], exc) from exc

    async def aclose(self) -> None:
        """Close the connection."""
        response, self._response, self._pieces = self._response, None, None
        if response is not None:
            await body_of(response).aclose()


class Source(Protocol[T_co]):
    """Where a stream's items come from, a batch at a time."""

    async def open(self) -> None:
        """Get ready; called once."""
        ...

    async def next_batch(self) -> Iterable[T_co] | None:
        """Wait for more items; None when the stream is complete. The batch is used up before the next is asked for."""
        ...

    async def aclose(self) -> None:
        """Let go of everything; may be called again."""
        ...


class Stream(Generic[T]):
    """An async iterator of items, to be used in `async with`, or in `async for` when it is read to its end."""

    def __init__(self, source: Source[T]) -> None:
        """Iterate over what `source` gives."""
        self._source = source
        self._batch: Iterator[T] = iter(())
        self._opened = False
        self._closed = False
        self._hurried = False
        self._opening = anyio.CancelScope()

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        """Return the next item; an error closes the stream."""
        try:
            for item in self._batch:
                return item
            return await self._next()
        except Exception:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Close the stream; whoever waits for an item then gets none."""
        if self._closed:
            return
        self._closed = True
        self._batch = iter(())
        self._opening.cancel()
        await self._source.aclose()

    async def _open(self) -> None:
        """Open the source at the first use, unless the stream is closed before that is done."""
        if not (self._opened or self._closed):
            self._opening = anyio.CancelScope()
            with self._opening:
                await self._source.open()
                self._opened = True
            if self._closed:  # in the very moment of opening
                await self._source.aclose()

    async def _next(self) -> T:
        """Get a batch that is not empty and return its first item."""
        await self._open()
        while not self._closed:
            batch = await self._receive()
            if batch is None:
                break
            self._batch = iter(batch)
            for item in self._batch:
                return item
        raise StopAsyncIteration

    async def _receive(self) -> Iterable[T] | None:
        """Wait for the next batch; being closed meanwhile is an end like any other."""
        try:
            # A fast engine never makes the socket wait: yield here, or no other task would run; and let what comes in
            # many small pieces gather, since waking up for each costs more than all that is in it.
            await (anyio.sleep(GATHERING_TIME) if self._hurried else checkpoint())
            asked = time.monotonic()
            batch = await self._source.next_batch()
            self._hurried = time.monotonic() - asked < GATHERING_TIME / 2
            return batch  # noqa: TRY300 - the way out that is usual
        except anyio.ClosedResourceError:
            if self._closed:
                return None
            raise

    def __del__(self) -> None:
        if self.__dict__.get("_opened") and not self._closed:
            warnings.warn(f"unclosed {self!r}; use `async with`", ResourceWarning, source=self, stacklevel=2)


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
