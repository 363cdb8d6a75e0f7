"""Opens the byte stream to an engine, and says what to do when that fails."""

import asyncio
import grp
import pwd
import socket
import stat
from contextlib import suppress
from pathlib import Path
from socket import IPPROTO_TCP, SO_KEEPALIVE, SOL_SOCKET, TCP_NODELAY, gaierror
from typing import cast

import anyio
from anyio.abc import ByteStream, SocketAttribute, SocketStream
from anyio.lowlevel import current_token

from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.ssh import SSHStream, open_ssh
from clab_runtime.engine.tls import TLSByteStream, wrap_tls
from clab_runtime.engine.unix import UnixStream, connect_unix, is_readable
from clab_runtime.engine.unix_asyncio import AsyncioUnixStream
from clab_runtime.errors import EngineConnectionError

DEFAULT_TIMEOUT = 10.0
"""Seconds to connect, TLS handshake included."""

VANISHED_AFTER = 60
"""Seconds after which a TCP connection whose other end does not answer any more is broken, be it quiet or not."""

_KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 1000 * VANISHED_AFTER}
"""Linux's names for it: when the kernel first asks (else after two hours), how often, and how long it waits (ms)."""

Stream = UnixStream | SocketStream | TLSByteStream | SSHStream

_VARIABLE = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}
_START = {
    "docker": "is Docker installed and running? Start it with `sudo systemctl start docker`, or set DOCKER_HOST to its "
    "socket",
    "podman": "is Podman's service running? Start it with `systemctl start podman.socket` as root or `systemctl --user "
    "start podman.socket`, or set CONTAINER_HOST to its socket",
}


async def dial(endpoint: EngineEndpoint, *, timeout: float = DEFAULT_TIMEOUT) -> ByteStream:  # noqa: ASYNC109 - it is the policy
    """Connect to an engine; `timeout` is in seconds.

    For ssh it returns once ssh runs: that the log-in failed shows on the first `receive`. Raises EngineConnectionError,
    which names endpoint, problem and remedy, and the builtin TimeoutError. What fails afterwards comes as anyio's
    exceptions.
    """
    stream: Stream | None = None
    try:
        with anyio.move_on_after(timeout):
            stream = await _connect(endpoint, timeout)
    except OSError as error:
        raise _explain(endpoint, error) from error
    if stream is None:
        raise TimeoutError(f"{endpoint}: no connection within {timeout:g} s")
    return stream


def has_pending(stream: ByteStream) -> bool:
    """Tell, without waiting, whether an idle stream has bytes, its end or an error to read: then it can't be reused."""
    if isinstance(stream, UnixStream | SSHStream):
        return stream.is_readable()
    sock = stream.extra(SocketAttribute.raw_socket, None)  # noqa: S610 - no Django here
    if sock is None:
        return False
    fd = sock.fileno()
    return fd < 0 or is_readable(fd)


async def _connect(endpoint: EngineEndpoint, seconds: float) -> Stream:
    """Open the stream that the endpoint's scheme asks for."""
    if endpoint.scheme == "unix":
        return await connect_unix(endpoint.path, AsyncioUnixStream if _on_asyncio() else UnixStream)
    if endpoint.scheme == "ssh":
        return open_ssh(endpoint, seconds)
    stream = await anyio.connect_tcp(endpoint.host, endpoint.port)
    _tune(stream)
    return await wrap_tls(endpoint, stream, endpoint.tls) if endpoint.tls else stream


def _on_asyncio() -> bool:
    """Tell whether it is an asyncio event loop that runs."""
    return isinstance(current_token().native_token, asyncio.AbstractEventLoop)


def _tune(stream: SocketStream) -> None:
    """Have small requests sent at once, and the kernel notice when the other machine of a quiet stream is gone."""
    sock = stream.extra(SocketAttribute.raw_socket)  # noqa: S610 - no Django here
    with suppress(OSError):  # a connection that is broken already says so when it is used
        sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        sock.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
        for name, value in _KEEPALIVE.items():
            if (option := getattr(socket, name, None)) is not None:  # other systems have other names
                sock.setsockopt(IPPROTO_TCP, option, value)


def _explain(endpoint: EngineEndpoint, error: OSError) -> Exception:
    """Turn the system's words into the endpoint, the problem and the remedy; a time-out stays one."""
    where = str(endpoint)
    if endpoint.scheme == "unix":
        return EngineConnectionError(where, *_explain_unix(endpoint, error))
    if all(isinstance(cause, TimeoutError) for cause in _causes(error)):
        return TimeoutError(f"{where}: no answer, says the system")
    return EngineConnectionError(where, *_explain_tcp(endpoint, error))


def _explain_unix(endpoint: EngineEndpoint, error: OSError) -> tuple[str, str]:
    """Name problem and remedy of a unix socket that can't be used."""
    start = _START[endpoint.engine]
    if isinstance(error, FileNotFoundError):
        return "there is no such socket", start
    if isinstance(error, PermissionError):
        return "permission denied", _permission_advice(endpoint.path)
    if isinstance(error, ConnectionRefusedError):
        if _is_socket(endpoint.path):
            return "nobody listens on this socket: it was left behind by an engine that is not running", start
        return "this is not a socket", f"set {_VARIABLE[endpoint.engine]} to the engine's socket"
    return f"can't connect: {error.strerror or error}", start


def _explain_tcp(endpoint: EngineEndpoint, error: OSError) -> tuple[str, str]:
    """Name problem and remedy of a TCP address that can't be reached."""
    check = f"check the address in {_VARIABLE[endpoint.engine]}"
    if isinstance(error, gaierror):
        return f"the host name can't be resolved: {error.strerror}", check
    causes = _causes(error)
    problem = "; ".join(dict.fromkeys(cause.strerror or str(cause) for cause in causes)).lower()
    if all(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return "nobody listens on this port", f"is the engine running and set to listen on TCP? Else {check}"
    return f"can't connect: {problem}", f"{check}, the route and the firewall"


def _permission_advice(path: str) -> str:
    """Tell who may use a socket: its group, else its owner, else who may enter its folder."""
    try:
        status = Path(path).stat()
    except OSError:
        return f"a folder above {path} may not be entered: run as its owner or as root (sudo)"
    if status.st_mode & stat.S_IWGRP:
        group = _group_name(status.st_gid)
        join = f"`sudo usermod -aG {group} $USER`, then log in again"
        return f"add your user to group {group!r} ({join}), or run as root (sudo)"
    return f"the socket is for user {_user_name(status.st_uid)!r} alone: run as that user or as root (sudo)"


def _group_name(gid: int) -> str:
    """Return a group's name, or its number where it has none."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def _user_name(uid: int) -> str:
    """Return a user's name, or its number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _is_socket(path: str) -> bool:
    """Tell whether there is a socket at a path; it may be gone by now."""
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


def _causes(error: OSError) -> list[OSError]:
    """Return what each tried address of a host ended with; anyio hangs them on the error as its cause."""
    cause = error.__cause__
    if isinstance(cause, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", cause)
        return [part for part in group.exceptions if isinstance(part, OSError)] or [error]
    return [cause] if isinstance(cause, OSError) else [error]
