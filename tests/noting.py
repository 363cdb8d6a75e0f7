"""Seeing which requests this process sends to engines, whichever client sends them."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import httpx

from clab_runtime.engine.transport import EngineTransport


@contextmanager
def noting(note: Callable[[str], object]) -> Generator[None]:
    """Call `note` with the method and the path of every request."""
    send = EngineTransport.handle_async_request

    async def noted(self: EngineTransport, request: httpx.Request) -> httpx.Response:
        note(f"{request.method} {request.url.raw_path.decode()}")
        return await send(self, request)

    EngineTransport.handle_async_request = noted  # type: ignore[method-assign]
    try:
        yield
    finally:
        EngineTransport.handle_async_request = send  # type: ignore[method-assign]
