"""The unix socket's byte stream on asyncio: the event loop watches the socket all along, not once per wait.

anyio's `wait_readable` registers the socket with the loop and takes it out again around every wait, which is a third of
the cost of a small request. Here it stays registered, and is only taken out when something comes that nobody waits for,
so that a slow reader holds the engine back. In the same spirit the deadline has one timer for many waits: it is set
anew when it rings too early, not for every wait.
"""

import asyncio
import math
import socket
import time
import weakref
from collections.abc import Callable

from anyio import BrokenResourceError, BusyResourceError, ClosedResourceError, EndOfStream

from clab_runtime.engine.unix import DEFAULT_MAX_BYTES, UnixStream

READ_SIZE = 256 * 1024
"""Bytes read at once, whoever asks for how many."""


class AsyncioUnixStream(UnixStream):
    """A UnixStream whose receiving side is driven by the asyncio event loop that it was made in."""

    def __init__(self, sock: socket.socket) -> None:
        """Take over a connected socket."""
        super().__init__(sock)
        self._loop = asyncio.get_running_loop()
        self._watched = False
        self._buffer = b""
        self._ended = False
        self._error: OSError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf

    async def receive(self, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """Return up to `max_bytes` bytes as soon as there are any."""
        if not (self._buffer or self._watched or self._closed):
            self._read()  # nobody has watched meanwhile: there may be a lot
        if not self._buffer:
            await self._wait_for_data()
        data = self._buffer
        if len(data) > max_bytes:
            self._buffer = data[max_bytes:]
            return data[:max_bytes]
        self._buffer = b""
        return data

    async def aclose(self) -> None:
        """Close the socket; a task that waits on it gets ClosedResourceError. Not interrupted by cancellation."""
        if not self._closed:
            self._unwatch()
            self._set_timer(math.inf)
            self._wake()
        await super().aclose()

    def is_readable(self) -> bool:
        """Tell whether `receive` would not wait."""
        return bool(self._buffer) or self._ended or super().is_readable()

    async def _wait_for_data(self) -> None:
        """Wait until the buffer is filled; raise what the end of it all stands for."""
        if self._waiter is not None:
            raise BusyResourceError("reading from")
        while not self._buffer:
            if self._closed:
                raise ClosedResourceError
            if self._error is not None:
                raise BrokenResourceError from self._error
            if self._ended:
                raise EndOfStream
            self._watch()
            if self.deadline < self._timer_at:
                self._set_timer(self.deadline)
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def on_readable(self) -> None:
        """Read what has come if somebody waits for it, else leave it to gather in the kernel; the loop calls it."""
        if self._waiter is None or self._waiter.done():
            self._unwatch()
            return
        self._read()
        if self._buffer or self._ended:
            self._waiter.set_result(None)

    def _read(self) -> None:
        """Read once, if there is anything."""
        try:
            self._buffer = self._sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError as exc:
            self._error = exc
        if not self._buffer:
            self._ended = True
            self._unwatch()

    def on_timer(self) -> None:
        """End a wait that is over its deadline, or set the timer anew; the loop calls it."""
        self._timer, self._timer_at = None, math.inf
        if self._waiter is None or self._waiter.done():
            return
        if time.monotonic() < self.deadline:
            self._set_timer(self.deadline)
        else:
            self._waiter.set_exception(TimeoutError())

    def _set_timer(self, deadline: float) -> None:
        """Have the timer ring at the deadline, or never."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_at = deadline
        if deadline < math.inf:
            self._timer = self._loop.call_later(deadline - time.monotonic(), _on_timer, weakref.ref(self))

    def _wake(self) -> None:
        """Wake the task that waits, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _watch(self) -> None:
        """Let the loop watch the socket."""
        if not self._watched:
            self._loop.add_reader(self._fd, _on_readable, weakref.ref(self))
            self._watched = True

    def _unwatch(self) -> None:
        """Let the loop forget the socket."""
        if self._watched:
            self._watched = False
            if not self._loop.is_closed():
                self._loop.remove_reader(self._fd)

    def __del__(self) -> None:
        if getattr(self, "_watched", False):
            self._unwatch()
            self._set_timer(math.inf)
        super().__del__()


def _on_readable(reference: Callable[[], AsyncioUnixStream | None]) -> None:
    """Tell a stream, which the loop does not keep alive, that there is something to read."""
    if (stream := reference()) is not None:
        stream.on_readable()


def _on_timer(reference: Callable[[], AsyncioUnixStream | None]) -> None:
    """Tell a stream, which the loop does not keep alive, that its timer rings."""
    if (stream := reference()) is not None:
        stream.on_timer()
