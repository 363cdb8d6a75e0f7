"""One HTTP/1.1 connection to an engine: a request out, a response in, or an upgrade to a raw duplex.

A connection serves one exchange at a time. Nothing here decides which connection serves whom: that is the transport's.
An exchange that fails or is cancelled leaves the connection unusable; whoever holds it closes it.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import ByteStream

from clab_runtime.engine.bounded import BoundedStream
from clab_runtime.engine.http1 import ResponseParser
from clab_runtime.engine.tasks import run_all
from clab_runtime.engine.unix import UnixStream
from clab_runtime.errors import EngineConnectionError, EngineProtocolError, InvalidValueError, already_closed

RECEIVE_SIZE = 256 * 1024
"""Bytes asked for at once; a fast log fills it, and a buffer of that size costs nothing while it is empty."""

EARLY_ERROR = 400
"""From this status on, an answer that comes before the request has been sent whole ends the sending."""

CLOSING_TIME = 5.0
"""Seconds that a body's generator gets to clean up after itself."""


class Connection:
    """Speak HTTP/1.1 over a byte stream, one exchange after the other."""

    __slots__ = ("__weakref__", "_broken_off", "_endpoint", "_io", "_sent", "parser", "stream")

    def __init__(self, stream: ByteStream, endpoint: str) -> None:
        """Take over the stream; `endpoint` is how errors call the other side."""
        self.stream = stream
        self._io = stream if isinstance(stream, UnixStream) else BoundedStream(stream)
        self._endpoint = endpoint
        self._sent = True
        self._broken_off = False
        self.parser = ResponseParser()

    @property
    def reusable(self) -> bool:
        """Whether the exchange is over on both sides and the engine keeps the connection open."""
        return self._sent and self.parser.keep_alive

    def set_deadline(self, deadline: float) -> None:
        """Have everything that waits past a moment on time.monotonic() raise TimeoutError."""
        self._io.deadline = deadline

    async def exchange(self, head: bytes, content: bytes, *, head_only: bool = False) -> None:
        """Send a request whose body is in memory and read until the head of its response stands in `parser`."""
        self.parser = ResponseParser(head_only=head_only)
        self._sent = False
        try:
            await self.send(head + content)
            self._sent = True
        except anyio.BrokenResourceError:
            pass  # the engine has hung up, but its answer may still be there to read
        await self._receive_head()

    async def exchange_streamed(self, head: bytes, content: AsyncIterable[bytes], length: int | None) -> None:
        """Send a request whose body comes in pieces, chunked unless its length is known, while the answer is read.

        When the engine answers with an error before it has read all, the sending stops there; another early answer
        (the progress of an image load) is kept until all is sent.
        """
        self.parser = ResponseParser()
        self._sent = False
        sending = anyio.CancelScope()

        async def send() -> None:
            with sending:
                await self._send_streamed(head, content, length)

        await run_all((send, lambda: self._receive_while_sending(sending)))

    async def receive(self) -> bytes:
        """Return the next bytes of the response's body, or of the upgraded stream; `b""` at their end."""
        parser = self.parser
        while True:
            if parser.chunks:
                return parser.take()
            if parser.upgraded:
                return await self._receive_raw()
            if parser.complete:
                return b""
            await self._feed()

    async def send(self, data: bytes) -> None:
        """Send bytes; from outside, raw ones, once the connection has been upgraded."""
        try:
            await self._io.send(data)
        except Exception:
            self._raise_if_broken_off()
            raise

    async def send_eof(self) -> None:
        """Close the sending side, once the connection has been upgraded."""
        try:
            await self._io.send_eof()
        except Exception:
            self._raise_if_broken_off()
            raise

    async def aclose(self) -> None:
        """Close the connection at once, also while cancelled."""
        await anyio.aclose_forcefully(self.stream)

    async def break_off(self) -> None:
        """Close the connection under the hands of who uses it: that one gets EngineConnectionError, now or later."""
        self._broken_off = True
        await self.aclose()

    async def _send_streamed(self, head: bytes, content: AsyncIterable[bytes], length: int | None) -> None:
        """Send the head and the pieces; if the engine hangs up, leave it to the receiver to find out why."""
        try:
            await self.send(head)
            await (self._send_chunked(content) if length is None else self._send_counted(content, length))
            self._sent = True
        except anyio.BrokenResourceError:
            pass

    async def _send_chunked(self, content: AsyncIterable[bytes]) -> None:
        """Send the pieces in chunked coding."""
        async with _closing(content) as pieces:
            async for piece in pieces:
                if piece:
                    await self.send(b"%x\r\n%b\r\n" % (len(piece), piece))
        await self.send(b"0\r\n\r\n")

    async def _send_counted(self, content: AsyncIterable[bytes], length: int) -> None:
        """Send the pieces as they are, and hold the caller to the length that the head has promised."""
        left = length
        async with _closing(content) as pieces:
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    break
                await self.send(piece)
        if left:
            raise InvalidValueError("content", f"{length - left} bytes", f"the Content-Length header says {length}")

    async def _receive_while_sending(self, sending: anyio.CancelScope) -> None:
        """Read the head, and go on reading while the request is still being sent; end the sending after an error."""
        parser = self.parser
        await self._receive_head()
        while not self._sent and not parser.complete and parser.status < EARLY_ERROR:
            await self._feed()
        if not self._sent:
            sending.cancel()

    async def _receive_head(self) -> None:
        """Read until the head of the response is complete."""
        while not self.parser.head_complete:
            await self._feed()

    async def _receive_raw(self) -> bytes:
        """Read from the upgraded stream."""
        try:
            return await self._read()
        except anyio.EndOfStream:
            return b""
        except anyio.BrokenResourceError as exc:
            raise EngineProtocolError(f"{self._endpoint}: the connection broke in the middle of a stream") from exc

    async def _feed(self) -> None:
        """Read once and let the parser have it."""
        if time.monotonic() > self._io.deadline:  # an engine that never pauses never makes the stream wait
            raise TimeoutError
        try:
            data = await self._read()
        except (anyio.EndOfStream, anyio.BrokenResourceError) as exc:
            self._end(exc)
        else:
            self.parser.feed(data)

    async def _read(self) -> bytes:
        """Read once."""
        try:
            return await self._io.receive(RECEIVE_SIZE)
        except Exception:
            self._raise_if_broken_off()
            raise

    def _raise_if_broken_off(self) -> None:
        """Say what has happened, in place of what the stream makes of it."""
        if self._broken_off:
            raise already_closed(self._endpoint) from None

    def _end(self, cause: Exception) -> None:
        """Tell the parser that nothing more comes; only a proper end can be that of a body without a length."""
        if not self.parser.begun:
            raise EngineConnectionError(
                self._endpoint,
                "the engine closed the connection without an answer",
                "see the engine's own log; it may have been stopped or restarted",
            ) from cause
        if isinstance(cause, anyio.BrokenResourceError) and not self.parser.complete:
            raise EngineProtocolError(f"{self._endpoint}: the connection broke in the middle of an answer") from cause
        self.parser.feed_eof()


@asynccontextmanager
async def _closing(content: AsyncIterable[bytes]) -> AsyncGenerator[AsyncIterator[bytes]]:
    """Iterate over a body that may be left in the middle: what a generator has open is then closed at once."""
    pieces = aiter(content)
    try:
        yield pieces
    finally:
        if isinstance(pieces, AsyncGenerator):
            with anyio.move_on_after(CLOSING_TIME, shield=True):
                await pieces.aclose()
