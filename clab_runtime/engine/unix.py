"""A byte stream over a non-blocking unix socket, written for few system calls and few turns of the event loop.

It tries the socket first and waits only when the kernel says so. What is done at once does not yield to other tasks: a
caller that loops over `receive` on a busy stream must yield by itself now and then.
"""

import math
import socket
import termios
import time
import warnings
from collections.abc import Callable, Mapping
from fcntl import ioctl
from select import POLLIN, poll
from typing import Any

import anyio
from anyio import BrokenResourceError, BusyResourceError, ClosedResourceError, EndOfStream
from anyio.abc import ByteStream, SocketAttribute
from anyio.lowlevel import cancel_shielded_checkpoint

from clab_runtime.backoff import growing_delays

DEFAULT_MAX_BYTES = 65536
FIRST_RETRY = 0.001
LAST_RETRY = 0.05
"""Seconds between tries to connect while the listener's queue is full, the first and the last."""


class UnixStream(ByteStream):
    """Bytes in both directions over a connected unix socket, which it owns.

    One task may receive while another sends. `receive` and `send` yield only if they have to wait. A cancelled `send`
    may have sent a part; a cancelled `receive` has taken nothing. Raises EndOfStream when the peer has sent everything,
    BrokenResourceError when it is gone, BusyResourceError for a second reader or writer, ClosedResourceError after
    aclose(), and TimeoutError where it would wait past `deadline`, a moment on time.monotonic() that holds until it is
    changed: an attribute costs a small request less than a cancel scope does.
    """

    def __init__(self, sock: socket.socket) -> None:
        """Take over a connected socket."""
        sock.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self.deadline = math.inf
        self._sock = sock
        self._fd = sock.fileno()
        self._receiving = False
        self._sending = False
        self._closed = False

    async def receive(self, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """Return up to `max_bytes` bytes as soon as there are any."""
        if self._receiving:
            raise BusyResourceError("reading from")
        while True:
            if self._closed:
                raise ClosedResourceError
            try:
                data = self._sock.recv(max_bytes)
            except BlockingIOError:
                await self._wait_readable()
            except OSError as error:
                raise BrokenResourceError from error
            else:
                if data:
                    return data
                raise EndOfStream

    async def send(self, item: bytes) -> None:
        """Send all the bytes; they are with the kernel when it returns."""
        if self._sending:
            raise BusyResourceError("writing to")
        sent = self._try_send(item)
        if sent < len(item):
            await self._send_rest(memoryview(item)[sent:])

    async def send_eof(self) -> None:
        """Tell the peer that nothing more comes; receiving goes on. Twice is as good as once."""
        if self._sending:
            raise BusyResourceError("writing to")
        if self._closed:
            raise ClosedResourceError
        try:
            self._sock.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise BrokenResourceError from error

    async def aclose(self) -> None:
        """Close the socket; tasks that wait on it get ClosedResourceError. Not interrupted by cancellation."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._receiving or self._sending:
                anyio.notify_closing(self._fd)
                # anyio keeps its waiters by descriptor number: they have to be gone before the number is free for
                # another socket, else their clean-up ends that one's wait for ever.
                await cancel_shielded_checkpoint()
        finally:
            self._sock.close()

    def is_readable(self) -> bool:
        """Tell whether `receive` would not wait: bytes are here, or the end, or an error, or it is closed."""
        return self._closed or is_readable(self._fd)

    def all_taken(self) -> bool:
        """Tell whether the peer has read all that was sent; raise BrokenResourceError when it is gone."""
        if self._closed:
            raise ClosedResourceError
        if self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise BrokenResourceError
        return not any(ioctl(self._fd, termios.TIOCOUTQ, bytes(4)))

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """What anyio's typed attributes offer: the socket."""
        return {SocketAttribute.raw_socket: lambda: self._sock, SocketAttribute.family: lambda: self._sock.family}

    def _try_send(self, item: bytes | memoryview) -> int:
        """Send what the kernel takes now."""
        if self._closed:
            raise ClosedResourceError
        try:
            return self._sock.send(item)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise BrokenResourceError from error

    async def _send_rest(self, rest: memoryview) -> None:
        """Send by and by what the kernel did not take at once."""
        self._sending = True
        try:
            while rest:
                with anyio.fail_after(self.deadline - time.monotonic()):
                    await anyio.wait_writable(self._fd)
                rest = rest[self._try_send(rest) :]
        finally:
            self._sending = False

    async def _wait_readable(self) -> None:
        """Wait until there is something to receive."""
        self._receiving = True
        try:
            with anyio.fail_after(self.deadline - time.monotonic()):
                await anyio.wait_readable(self._fd)
        finally:
            self._receiving = False

    def __del__(self) -> None:
        if not getattr(self, "_closed", True):
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            finally:
                self._closed = True
                self._sock.close()


async def connect_unix(path: str, stream: type[UnixStream] = UnixStream) -> UnixStream:
    """Connect to a unix socket; again and again while its queue is full. Raises OSError; the caller bounds the time."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        for delay in growing_delays(FIRST_RETRY, LAST_RETRY):
            if _try_connect(sock, path):
                break
            await anyio.sleep(delay)
    except BaseException:
        sock.close()
        raise
    return stream(sock)


def is_readable(fd: int) -> bool:
    """Ask the kernel, without waiting, whether a descriptor has bytes, its end or an error to read."""
    poller = poll()
    poller.register(fd, POLLIN)
    return bool(poller.poll(0))


def _try_connect(sock: socket.socket, path: str) -> bool:
    """Connect if the listener has room in its queue."""
    try:
        sock.connect(path)
    except BlockingIOError:
        return False
    return True
