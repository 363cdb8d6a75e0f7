"""A registry in an engine's namespace that stops in the middle of a layer, which a real one won't do on demand."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
from anyio import BrokenResourceError, ClosedResourceError, EndOfStream

from clab_runtime.engine.unix import UnixStream
from tests.engine.fake_engine import Peer, answer
from tests.engines import Engine, linux
from tests.engines.registry import MANIFEST, RegistryImage
from tests.serving import serving

BYTES = "application/octet-stream"
TLS = b"\x16"
"""How a client begins that tries HTTPS first."""


class ScriptedRegistry:
    """What a test sees of it: when it has stopped in the middle, and what makes it go on."""

    def __init__(self, port: int, image: RegistryImage) -> None:
        self.name = f"127.0.0.1:{port}/lab/held:1"
        self.held = anyio.Event()
        """Set when half of the last layer has been sent."""
        self.go_on = anyio.Event()
        """To be set when the rest is to be sent."""
        self.manifests = 0
        """How often the image has been asked for by its name."""
        self._image = image

    async def serve(self, stream: UnixStream) -> None:
        """Answer until the engine hangs up."""
        with suppress(EndOfStream, BrokenResourceError, ClosedResourceError):
            async with stream:
                first = await stream.receive()
                peer = Peer(stream, first)
                if first.startswith(TLS):
                    await peer.send(answer(status="400 Bad Request"))
                    return
                while True:
                    request = await peer.head()
                    await self._answer(peer, request.method, request.target)

    async def _answer(self, peer: Peer, method: str, target: str) -> None:
        wanted = target.rpartition("/")[2]
        if wanted == "1":
            self.manifests += 1
            wanted = self._image.manifest
        if target == "/v2/":
            await peer.send(answer())
        elif wanted == self._image.manifest:
            headers = (f"Content-Type: {MANIFEST}", f"Docker-Content-Digest: {wanted}")
            whole = answer(self._image.blobs[wanted], *headers)
            await peer.send(whole if method == "GET" else whole.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        else:
            await self._send_blob(peer, wanted)

    async def _send_blob(self, peer: Peer, digest: str) -> None:
        whole = answer(self._image.blobs[digest], f"Content-Type: {BYTES}")
        if digest != self._image.layers[-1]:
            await peer.send(whole)
            return
        half = len(whole) // 2
        await peer.send(whole[:half])
        self.held.set()
        await self.go_on.wait()
        await peer.send(whole[half:])


@asynccontextmanager
async def scripted_registry(engine: Engine, image: RegistryImage) -> AsyncGenerator[ScriptedRegistry]:
    """Run it; at the end it is down, whoever still waits for it."""
    with linux.socket_in(engine.netns) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        registry = ScriptedRegistry(listener.getsockname()[1], image)
        async with serving(listener, registry.serve):
            yield registry
