"""An engine that does what a real one won't do on demand: a server on a real unix socket that plays a script.

A script is an async function that is called for every request, with the connection and the request's head; it sends
what it likes, byte for byte, and may hang up. `/_ping` and `/info`, which a runtime asks for at first, are answered
before they get to the script, unless told otherwise.
"""

import contextlib
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from struct import pack
from typing import TypeAlias

from anyio import BrokenResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream

from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.unix import UnixStream
from tests.serving import serving, unix_listener


def answer(body: bytes = b"", *headers: str, status: str = "200 OK") -> bytes:
    """Write an answer with a body of known length."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*pieces: bytes, headers: tuple[str, ...] = (), status: str = "200 OK", end: bool = True) -> bytes:
    """Write an answer in chunked coding, each piece a chunk; without `end` it is to be gone on with."""
    lines = [f"HTTP/1.1 {status}", *headers, "Transfer-Encoding: chunked", "", ""]
    return "\r\n".join(lines).encode() + b"".join(map(chunk, pieces)) + (b"0\r\n\r\n" if end else b"")


def chunk(data: bytes) -> bytes:
    """Write one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def frame(stream: int, data: bytes) -> bytes:
    """Write a frame of a multiplexed stream."""
    return pack(">BxxxI", stream, len(data)) + data


MULTIPLEXED = ("Content-Type: application/vnd.docker.multiplexed-stream",)
"""The headers of an answer that says that it is in frames."""
PING = answer(b"OK", "Api-Version: 1.41", "Server: Docker/20.10.24 (linux)")
INFO = answer(b"{}")


@dataclass
class Request:
    """The head of a request, and its body once the script has read it."""

    method: str
    target: str
    headers: dict[str, str]
    head: bytes
    body: bytes = field(default=b"")


class Peer:
    """The engine's side of a connection."""

    def __init__(self, stream: ByteStream, received: bytes = b"") -> None:
        self.stream = stream
        self._buffer = received

    async def head(self) -> Request:
        """Read the next request's head; EndOfStream when the client has hung up."""
        head = await self._until(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        return Request(method, target, headers, head)

    async def body(self, request: Request) -> bytes:
        """Read the request's body."""
        if request.headers.get("transfer-encoding") == "chunked":
            while size := int(await self._until(b"\r\n"), 16):
                request.body += await self._exactly(size)
                await self._exactly(2)
            await self._exactly(2)
        else:
            request.body = await self._exactly(int(request.headers.get("content-length", 0)))
        return request.body

    async def receive(self) -> bytes:
        """Return raw bytes as they come."""
        data, self._buffer = self._buffer, b""
        return data or await self.stream.receive()

    async def send(self, *pieces: bytes) -> None:
        """Send raw bytes, each piece by a call of its own."""
        for piece in pieces:
            await self.stream.send(piece)

    async def hang_up(self) -> None:
        """Close the connection."""
        await self.stream.aclose()

    async def hung_up(self) -> None:
        """Wait until the client has closed the connection; what it still sends is thrown away."""
        with contextlib.suppress(EndOfStream, BrokenResourceError):
            while True:
                await self.receive()
        await self.stream.aclose()

    async def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._buffer += await self.stream.receive()
        found, _, self._buffer = self._buffer.partition(end)
        return found

    async def _exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += await self.stream.receive()
        data, self._buffer = self._buffer[:size], self._buffer[size:]
        return data


Script: TypeAlias = Callable[[Peer, Request], Awaitable[None]]


class FakeEngine:
    """What a test sees of the engine: where it is, and what has come in."""

    def __init__(self, path: str, script: Script, ping: bytes | None, info: bytes | None) -> None:
        self.endpoint = EngineEndpoint(scheme="unix", path=path)
        self.path = path
        self.connections = 0
        self.open = 0
        self.pings = 0
        self.requests: list[Request] = []
        self._script = script
        self._ping = ping
        self._info = info

    async def serve(self, stream: ByteStream) -> None:
        """Serve a connection until either side hangs up."""
        self.connections += 1
        self.open += 1
        peer = Peer(stream)
        try:
            async with stream:
                while True:
                    await self._serve_one(peer)
        except (EndOfStream, BrokenResourceError, ClosedResourceError):
            pass
        finally:
            self.open -= 1

    async def _serve_one(self, peer: Peer) -> None:
        request = await peer.head()
        if self._ping is not None and request.target.endswith("/_ping"):
            self.pings += 1
            await peer.send(self._ping)
        elif self._info is not None and request.target.endswith("/info"):
            await peer.send(self._info)
        else:
            self.requests.append(request)
            await self._script(peer, request)


@contextlib.asynccontextmanager
async def fake_engine(
    script: Script, *, ping: bytes | None = PING, info: bytes | None = INFO
) -> AsyncGenerator[FakeEngine]:
    """Run a fake engine."""
    with unix_listener() as (listener, path):
        engine = FakeEngine(path, script, ping, info)
        async with serving(listener, engine.serve):
            yield engine


def answering(*answers: bytes) -> Script:
    """Give these answers in turn, and the last one for ever."""
    left = list(answers)

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(left.pop(0) if len(left) > 1 else left[0])

    return script


def answering_once(data: bytes) -> Script:
    """Send this and hang up."""

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(data)
        await peer.hang_up()

    return script


def pair() -> tuple[UnixStream, Peer]:
    """Make a connection without a listener: the client's stream, and the engine's side."""
    ours, theirs = socket.socketpair()
    return UnixStream(ours), Peer(UnixStream(theirs))
