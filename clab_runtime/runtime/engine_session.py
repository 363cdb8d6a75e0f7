"""A session on an engine: bytes in, pieces of output out, whoever is at the other end."""

import warnings
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Protocol, Self

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.framing import SYSTEM_ERROR, FrameDecoder, system_error
from clab_runtime.engine.tasks import shielded
from clab_runtime.errors import (
    ContainerRuntimeError,
    EngineError,
    EngineProtocolError,
    InvalidValueError,
    UnsupportedOperationError,
)
from clab_runtime.models import SessionOutput, StreamName, TerminalSize
from clab_runtime.models.log import STREAM_NAMES
from clab_runtime.runtime.session import Session
from clab_runtime.runtime.stdin import as_bytes
from clab_runtime.stream import Stream

RESIZES = 10
"""How often a size is tried to be set on a terminal that is said not to be there (yet), in about 3 s."""

PODMAN_PAUSE = 0.25
"""Seconds in which Podman's monitor takes note of a size; of two that it finds at once it takes the first alone."""

CLOSING_TIME = 5.0
"""Seconds that a generator of input gets to clean up after itself."""


class Counterpart(Protocol):
    """Who is at the other end of a session: a command's process, or a container's."""

    tty: bool
    """Whether it has a terminal; known once it is open."""
    stdin: bool
    """Whether it has an input; known once it is open."""

    sized: bool
    """Whether its terminal has its first size already; known once it is open."""

    async def open(self) -> Duplex:
        """Start it, or attach to it."""
        ...

    async def resize(self, size: TerminalSize) -> None:
        """Set its terminal's size."""
        ...

    async def has_ended(self) -> bool:
        """Look whether it has ended."""
        ...

    async def see_end(self, *, input_ended: bool) -> None:
        """Its output is over: see that it has ended, too; raise EngineProtocolError where it goes on."""
        ...

    async def wait(self) -> int:
        """Wait for its end and return its exit code."""
        ...

    async def leave(self, duplex: Duplex) -> None:
        """Close its streams, and do what else there is to do."""
        ...


class EngineSession(Session):
    """A session over the streams that an engine has handed over; see Session for what the methods promise."""

    def __init__(self, engine: EngineClient, counterpart: Counterpart, size: TerminalSize | None) -> None:
        """Prepare a session; `size` is what its terminal gets at once."""
        self._engine = engine
        self._counterpart = counterpart
        self._size = size
        self._duplex: Duplex | None = None
        self._output: Stream[SessionOutput] | None = None
        self._sending = anyio.Lock()
        self._input_ended = False
        self._has_sent = False
        self._closed = False

    @property
    def tty(self) -> bool:
        return self._counterpart.tty

    async def __aenter__(self) -> Self:
        if self._output is not None or self._closed:
            raise ContainerRuntimeError("a session is opened once; make another one")
        self._duplex = duplex = await self._counterpart.open()
        self._output = Stream(_OutputSource(duplex, self._see_end, framed=not self.tty))
        try:
            if self._size is not None and not self._counterpart.sized:
                await self.resize(self._size.width, self._size.height)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __anext__(self) -> SessionOutput:
        if self._output is None:
            raise _not_open()
        return await anext(self._output)

    async def send(self, data: bytes) -> None:
        data = as_bytes(data)
        async with self._sending:
            duplex = self._input()
            if not data:
                return
            self._has_sent = True
            try:
                await duplex.send(data)
            except anyio.ClosedResourceError:
                if self._closed:
                    raise
                raise anyio.BrokenResourceError from None  # it is the process that has ended

    async def send_all(self, pieces: AsyncIterable[bytes]) -> None:
        items = aiter(pieces)
        try:
            async for piece in items:
                await self.send(piece)
        finally:
            if isinstance(items, AsyncGenerator):
                await shielded(items.aclose, CLOSING_TIME)

    async def send_eof(self) -> None:
        if self.tty:
            raise InvalidValueError("tty", value=True, allowed=r"to end a terminal's input, send its b'\x04'")
        if self._engine.endpoint.tls:
            raise UnsupportedOperationError(self._engine.endpoint.engine, "", "an end of input over TLS")
        async with self._sending:
            if not self._input_ended:
                await self._input().send_eof()
                self._input_ended = True

    async def resize(self, width: int, height: int) -> None:
        size = TerminalSize(width, height)
        _ = self._open_duplex()
        if not self.tty:
            raise InvalidValueError("tty", value=False, allowed="only a terminal has a size")
        await self._resize(size)

    async def wait(self) -> int:
        if self._output is None:
            raise _not_open()
        return await self._counterpart.wait()

    async def aclose(self) -> None:
        self._closed = True
        duplex, self._duplex = self._duplex, None
        if self._output is not None:
            await self._output.aclose()
        if duplex is not None:
            await shielded(lambda: self._counterpart.leave(duplex))

    def _open_duplex(self) -> Duplex:
        """Return the streams of a session that is open."""
        if self._duplex is not None:
            return self._duplex
        raise anyio.ClosedResourceError if self._closed else _not_open()

    def _input(self) -> Duplex:
        """Return the streams of a session whose input is open."""
        duplex = self._open_duplex()
        if not self._counterpart.stdin:
            raise InvalidValueError("stdin", value=False, allowed="what is at the other end has no input")
        if self._input_ended:
            raise anyio.ClosedResourceError
        return duplex

    async def _resize(self, size: TerminalSize) -> None:
        """Set the size, on Podman twice: the first may get lost behind the one before."""
        await self._resize_once(size)
        if (await self._engine.info()).engine == "podman":
            await anyio.sleep(PODMAN_PAUSE)
            await self._resize_once(size)

    async def _resize_once(self, size: TerminalSize) -> None:
        """Set the size, of a terminal that may not be there yet, or not any more."""
        for delay in islice(growing_delays(), RESIZES):
            with suppress(EngineError):
                return await self._counterpart.resize(size)
            if await self._counterpart.has_ended():
                return None
            await anyio.sleep(delay)
        return await self._counterpart.resize(size)

    async def _see_end(self, broken: EngineProtocolError | None) -> None:
        """Tell the end of the output from that of the connection.

        An engine that hangs up before it has read all that was sent breaks the connection: a process need not read.
        """
        if broken is not None and not self._has_sent:
            raise broken
        await self._counterpart.see_end(input_ended=self._input_ended)
        if self._duplex is not None:
            await self._duplex.aclose()  # Docker lets who still sends wait for minutes

    def __del__(self) -> None:
        if self.__dict__.get("_duplex") is not None:
            warnings.warn(f"unclosed {self!r}; use `async with`", ResourceWarning, source=self, stacklevel=2)


class _OutputSource:
    """The pieces of output that come out of an open session."""

    def __init__(
        self,
        duplex: Duplex,
        see_end: Callable[[EngineProtocolError | None], Awaitable[None]],
        *,
        framed: bool,
    ) -> None:
        """Read from `duplex`, which is the session's; `see_end` raises where its end is not the process's own."""
        self._duplex = duplex
        self._see_end = see_end
        self._frames = FrameDecoder() if framed else None

    async def open(self) -> None:
        """Nothing is left to do: the session is open."""

    async def next_batch(self) -> Iterable[SessionOutput] | None:
        """Return the pieces that have come."""
        broken: EngineProtocolError | None = None
        try:
            return self._pieces(await self._duplex.receive())
        except anyio.EndOfStream:
            pass
        except EngineProtocolError as exc:
            broken = exc
        if self._frames is not None:
            self._frames.finish()
        await self._see_end(broken)
        return None

    async def aclose(self) -> None:
        """Nothing: the session closes what it has opened."""

    def _pieces(self, data: bytes) -> Iterator[SessionOutput]:
        """Part the streams."""
        if self._frames is None:
            yield SessionOutput(StreamName.STDOUT, data)
            return
        for stream, payload in self._frames.feed(data):
            if stream == SYSTEM_ERROR:
                raise system_error(payload)
            if payload:
                yield SessionOutput(STREAM_NAMES[stream], payload)


def _not_open() -> ContainerRuntimeError:
    return ContainerRuntimeError("this session is not open; use it in `async with`")
