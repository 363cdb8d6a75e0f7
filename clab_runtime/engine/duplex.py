"""What an upgrade leaves: the raw stream in both directions, to an exec's or a container's standard streams."""

from collections.abc import Awaitable, Callable
from typing import Self

import anyio
from anyio.abc import ByteStream

from clab_runtime.engine.connection import RECEIVE_SIZE, Connection
from clab_runtime.engine.unix import UnixStream


class Duplex(ByteStream):
    """Bytes in both directions, each with an end of its own; those that came along with the upgrade come first."""

    def __init__(self, connection: Connection, on_close: Callable[[], Awaitable[None]]) -> None:
        """Speak over an upgraded connection; `on_close` gives it back to its owner."""
        self._connection = connection
        self._on_close = on_close
        self._rest = b""

    async def __aenter__(self) -> Self:
        """Enter; leaving closes."""
        return self

    async def receive(self, max_bytes: int = RECEIVE_SIZE) -> bytes:
        """Return the next bytes, raise anyio.EndOfStream at their end and EngineProtocolError when they break off."""
        data = self._rest or await self._connection.receive()
        if not data:
            raise anyio.EndOfStream
        self._rest = data[max_bytes:]
        return data[:max_bytes]

    async def send(self, item: bytes) -> None:
        """Send bytes; raise anyio.BrokenResourceError when the other side has gone."""
        await self._connection.send(item)

    async def send_eof(self) -> None:
        """End this side (the command sees the end of its input) while the other goes on."""
        await self._connection.send_eof()

    def all_taken(self) -> bool | None:
        """Tell whether the other side has read all that was sent; None: only a unix socket tells."""
        stream = self._connection.stream
        return stream.all_taken() if isinstance(stream, UnixStream) else None

    async def aclose(self) -> None:
        """Close both sides."""
        await self._on_close()
