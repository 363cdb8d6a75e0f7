"""Any byte stream with a deadline, which a UnixStream has by itself."""

import math
import time

import anyio
from anyio.abc import ByteStream


class BoundedStream(ByteStream):
    """Pass everything on, and raise TimeoutError where waiting goes on past `deadline` (on time.monotonic())."""

    def __init__(self, stream: ByteStream) -> None:
        """Wrap a stream; there is no deadline until one is set."""
        self.deadline = math.inf
        self._stream = stream

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Receive within the deadline."""
        with anyio.fail_after(self._left()):
            return await self._stream.receive(max_bytes)

    async def send(self, item: bytes) -> None:
        """Send within the deadline."""
        with anyio.fail_after(self._left()):
            await self._stream.send(item)

    async def send_eof(self) -> None:
        """End the sending side."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream."""
        await self._stream.aclose()

    def _left(self) -> float:
        """Return the seconds that are left, without an end if there is no deadline."""
        return max(0.0, self.deadline - time.monotonic())
