"""Stream, the async iterator behind logs, events and progress, and what it takes its items from.

A stream is an async context manager and an async iterator. It is opened when it is entered or first iterated, has no
time-out of its own, and ends because it is complete, because it is closed, or by raising: never silently. A cancelled
`anext` loses nothing and may be repeated. One left open warns.
"""

import warnings
from collections.abc import Iterable, Iterator
from typing import Generic, Protocol, Self, TypeVar

import anyio
from anyio.lowlevel import checkpoint

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


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
        self._opening: anyio.CancelScope | None = None

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
        if self._opening is not None:
            self._opening.cancel()
        await self._source.aclose()

    async def _open(self) -> None:
        """Open the source at the first use, unless the stream is closed before that is done."""
        if not (self._opened or self._closed):
            with anyio.CancelScope() as self._opening:
                await self._source.open()
                self._opened = True
            await self._drop_if_closed()

    async def _drop_if_closed(self) -> None:
        """Let go of a source that was closed in the very moment of opening."""
        if self._closed:
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
            await checkpoint()  # a fast engine never makes the socket wait, and no other task would run
            return await self._source.next_batch()
        except anyio.ClosedResourceError:
            if self._closed:
                return None
            raise

    def __del__(self) -> None:
        if self.__dict__.get("_opened") and not self._closed:
            warnings.warn(f"unclosed {self!r}; use `async with`", ResourceWarning, source=self, stacklevel=2)
