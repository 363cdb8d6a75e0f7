"""httpx's transport interface on our own connections.

Unary calls share a pool; a request with the extension `DEDICATED` (every stream, upgrade and slow call) gets a
connection of its own, which is closed afterwards: a thousand followed logs never take a slot from an inspect call.

The request extension `timeout` is httpx's, of which `read` counts: it bounds the whole exchange, from sending to the
body's last byte, in seconds. Waiting for a slot does not count, since it is not the engine that is slow then; dialling
has a limit of its own. What runs out raises the builtin TimeoutError. After an upgrade the response's extension
`network_stream` is the raw duplex.

Closing breaks off what has no such limit, streams above all, under the hands of its user, who gets
EngineConnectionError; what has one goes on to its end.
"""

import time
from collections.abc import AsyncIterable, Mapping
from typing import Self, cast

import httpx

from clab_runtime.engine.connection import Connection
from clab_runtime.engine.dial import dial
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.http1 import ResponseParser, request_head
from clab_runtime.engine.lazy import LazyHeaders
from clab_runtime.engine.pool import UNLIMITED, ConnectionPool
from clab_runtime.engine.tasks import run_all, shielded
from clab_runtime.errors import EngineProtocolError

DEDICATED = "clab_runtime.dedicated"
"""The request extension that asks for a connection of one's own."""

POOL_SIZE = 20
"""Connections that unary calls share; dockerd does not answer faster over more."""

KEEP_ALIVE = 4.0
"""Seconds that an idle connection is used again after."""

_OK = 200


class EngineTransport(httpx.AsyncBaseTransport):
    """Carry requests to one engine."""

    def __init__(self, endpoint: EngineEndpoint, *, pool_size: int = POOL_SIZE) -> None:
        """Talk to `endpoint`; nothing is opened before the first request."""
        self._endpoint = endpoint
        self._unary = ConnectionPool(self._connect, pool_size, KEEP_ALIVE)
        self._dedicated = ConnectionPool(self._connect, UNLIMITED, 0)

    def __repr__(self) -> str:
        """Show the live state, which tests and bug reports rely on."""
        return (
            f"<{type(self).__name__} {self._endpoint}: {self._unary.busy} busy, {self._unary.idle} idle, "
            f"{self._dedicated.busy} dedicated>"
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response as soon as its head is there."""
        pool = self._dedicated if DEDICATED in request.extensions else self._unary
        await pool.enter()
        exchange = _Exchange(pool)
        try:
            await exchange.begin(request)
            return await exchange.response(request)
        except BaseException:
            await exchange.aclose()
            raise

    async def aclose(self) -> None:
        """Close the idle connections, and break off what has no limit of time."""
        await shielded(lambda: run_all((self._unary.aclose, self._dedicated.aclose)))

    async def _connect(self) -> Connection:
        """Dial the engine."""
        return Connection(await dial(self._endpoint), str(self._endpoint))


class _Exchange(httpx.AsyncByteStream):
    """A request's hold on a slot and a connection, from the first byte sent to the last of the body read.

    As httpx wants it, it is the response's stream, too. A cancelled read loses nothing and may be repeated.
    """

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: ConnectionPool) -> None:
        self._pool: ConnectionPool | None = pool
        self._connection: Connection | None = None

    async def begin(self, request: httpx.Request) -> None:
        """Get a connection, send the request and read the response's head."""
        assert self._pool is not None  # noqa: S101 - only a closed exchange has none
        connection = self._connection = await self._pool.get()
        timeouts = cast("Mapping[str, float | None]", request.extensions.get("timeout", {}))
        limit = timeouts.get("read")
        if limit is None:
            await self._pool.unlimit(connection)
        else:
            connection.set_deadline(time.monotonic() + limit)
        await _send(connection, request)
        if connection.parser.upgraded and "upgrade" not in request.headers:
            raise EngineProtocolError(f"{request.method} {request.url}: the engine upgraded a connection unasked")

    async def response(self, request: httpx.Request) -> httpx.Response:
        """Wrap what the parser holds; the body is still to be read."""
        assert self._pool is not None  # noqa: S101 - only a closed exchange has none
        assert self._connection is not None  # noqa: S101 - `begin` has made it
        parser = self._connection.parser
        extensions: dict[str, object] = {}
        if parser.upgraded or (DEDICATED in request.extensions and _became_raw(request, parser)):
            await self._pool.unlimit(self._connection)
            extensions["network_stream"] = Duplex(self._connection, self.aclose)
        response = httpx.Response(parser.status, stream=self, extensions=extensions)
        response.headers = LazyHeaders(parser.headers)
        return response

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        """Return the body's next bytes; when it is over, give the connection back."""
        if self._connection is None:
            raise StopAsyncIteration
        if self._connection.parser.chunks:
            return self._connection.parser.take()
        data = b"" if self._connection.parser.complete else await self._receive(self._connection)
        if not data:
            await self.aclose()
            raise StopAsyncIteration
        return data

    async def _receive(self, connection: Connection) -> bytes:
        """Wait for more; after an error there is no more."""
        try:
            return await connection.receive()
        except Exception:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """Give back the slot, and the connection if the exchange went to its end; close it otherwise."""
        pool, self._pool = self._pool, None
        connection, self._connection = self._connection, None
        if pool is not None:
            await pool.leave(connection)


def _became_raw(request: httpx.Request, parser: ResponseParser) -> bool:
    """Tell Docker's older way of upgrading: 200 instead of 101, and a body that goes on in both directions."""
    return parser.status == _OK and "upgrade" in request.headers and parser.until_eof


async def _send(connection: Connection, request: httpx.Request) -> None:
    """Send a request over a connection in the way that its body asks for."""
    head = request_head(request.method, request.url.raw_path, request.headers.raw)
    if isinstance(request.stream, httpx.ByteStream):
        await connection.exchange(head, b"".join(request.stream), head_only=request.method == "HEAD")
    else:
        length = request.headers.get("content-length")
        content = cast("AsyncIterable[bytes]", request.stream)
        await connection.exchange_streamed(head, content, None if length is None else int(length))
