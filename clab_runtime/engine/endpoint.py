"""Where an engine is, as a value; resolution.py finds it, dial.py connects."""

import os
import re
from dataclasses import dataclass
from typing import Literal, cast

from clab_runtime.errors import InvalidValueError

Scheme = Literal["unix", "tcp", "ssh"]
Engine = Literal["docker", "podman"]

ALLOWED = "write unix:///absolute/path, tcp://host[:port] or ssh://[user@]host[:port][/path]"
MAX_SOCKET_PATH = 107
"""Bytes of a unix socket's path that fit into the kernel's address, without the closing NUL."""

_DOCKER_PORT = 2375
_DOCKER_TLS_PORT = 2376
_MAX_PORT = 65535
# ssh hands user and host to shells of its own (ProxyCommand): neither options nor shell characters get that far.
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_HOST = re.compile(r"\w[\w.-]*|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?")
_AUTHORITY = re.compile(
    r"(?:(?P<user>[^@/]*)@)?(?:\[(?P<ipv6>[^]@/]*:[^]@/]*)\]|(?P<host>[^:@/\[\]]*))(?::(?P<port>[0-9]{1,5}))?(?P<path>/.*)?"
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class TLSFiles:
    """The PEM files of a TLS connection; without `ca` the system's authorities count, without `key` it is in `cert`."""

    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    verify: bool = True

    def __post_init__(self) -> None:
        if self.key and not self.cert:
            raise InvalidValueError("key", self.key, "a key goes with a certificate: give both, or neither")


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class EngineEndpoint:
    """Where an engine listens; hashable, without secrets, and as a string what DOCKER_HOST would hold.

    `port` 0 means the default: 2375 and with TLS 2376 for tcp, ssh's own choice for ssh. `path` is the socket's: here
    for unix, on the far side for ssh. `identity` is a key file for ssh. `engine` decides the words of advice
    and the program that ssh runs on the far side. Raises InvalidValueError for what can't be an address.
    """

    scheme: Scheme
    path: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    tls: TLSFiles | None = None
    identity: str = ""
    engine: Engine = "docker"

    def __post_init__(self) -> None:
        if self.scheme not in _CHECKS:
            raise InvalidValueError("scheme", self.scheme, ALLOWED)
        _CHECKS[self.scheme](self)
        if self.scheme == "tcp" and not self.port:
            object.__setattr__(self, "port", _DOCKER_TLS_PORT if self.tls else _DOCKER_PORT)

    def __str__(self) -> str:
        if self.scheme == "unix":
            return f"unix://{self.path}"
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"{self.scheme}://{user}{host}{port}{self.path}"

    def __repr__(self) -> str:
        return f"EngineEndpoint({str(self)!r})"

    @classmethod
    def parse(
        cls,
        url: str,
        *,
        field: str = "endpoint",
        engine: Engine = "docker",
        tls: TLSFiles | None = None,
        identity: str = "",
    ) -> "EngineEndpoint":
        """Read an address as DOCKER_HOST holds it; `tls` counts for tcp, `identity` for ssh.

        Raises InvalidValueError, which names `field` and the address without its password.
        """
        scheme, separator, rest = url.partition("://")
        if not separator or scheme not in _CHECKS or _CONTROL.search(url):
            raise InvalidValueError(field, _without_password(url), ALLOWED)
        try:
            if scheme == "unix":
                return cls(scheme="unix", path=rest, engine=engine)
            return _parse_remote(cast("Scheme", scheme), rest, engine, tls, identity)
        except InvalidValueError as error:
            raise InvalidValueError(field, _without_password(url), error.allowed) from None


def _parse_remote(scheme: Scheme, rest: str, engine: Engine, tls: TLSFiles | None, identity: str) -> EngineEndpoint:
    """Take apart what follows `tcp://` or `ssh://`."""
    match = _AUTHORITY.fullmatch(rest)
    if match is None:
        raise InvalidValueError("host", rest, ALLOWED)
    path = match["path"] or ""
    return EngineEndpoint(
        scheme=scheme,
        host=match["ipv6"] or match["host"] or "",
        port=_port(match["port"]),
        user=match["user"] or "",
        path="" if path == "/" else path,
        tls=tls if scheme == "tcp" else None,
        identity=identity if scheme == "ssh" else "",
        engine=engine,
    )


def _port(digits: str | None) -> int:
    """Read a port; none is 0, and an explicit 0 is refused."""
    if digits is not None and int(digits) == 0:
        raise InvalidValueError("port", digits, f"a port is 1 to {_MAX_PORT}")
    return int(digits or 0)


def _without_password(url: str) -> str:
    """Hide what stands before an `@`, as it may hold a password."""
    scheme, separator, rest = url.partition("://")
    if scheme == "unix" or "@" not in url:
        return url
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if separator else f"***@{url.rpartition('@')[2]}"


def _check_unix(endpoint: EngineEndpoint) -> None:
    """Refuse what is no address of a unix socket."""
    _check_path(endpoint.path)
    if endpoint.host or endpoint.port or endpoint.user or endpoint.tls or endpoint.identity:
        raise InvalidValueError("endpoint", endpoint.path, "a unix endpoint has a path and nothing else")


def _check_tcp(endpoint: EngineEndpoint) -> None:
    """Refuse what is no address of a TCP service."""
    _check_host(endpoint)
    if endpoint.path or endpoint.user or endpoint.identity:
        raise InvalidValueError("endpoint", endpoint.host, "a tcp endpoint is tcp://host[:port]: no user, no path")


def _check_ssh(endpoint: EngineEndpoint) -> None:
    """Refuse what ssh could take for an option, and what is no address."""
    _check_host(endpoint)
    if endpoint.user and not _USER.fullmatch(endpoint.user):
        allowed = "a user is letters, digits and _.+-, does not begin with - and carries no password (use a key)"
        raise InvalidValueError("user", "***", allowed)
    if endpoint.path:
        _check_path(endpoint.path)
    if endpoint.tls:
        raise InvalidValueError("tls", endpoint.tls, "TLS goes with tcp://, not with ssh://")


def _check_host(endpoint: EngineEndpoint) -> None:
    """Refuse a host that is empty, begins with `-` or is no name, and a port out of range."""
    if not _HOST.fullmatch(endpoint.host):
        raise InvalidValueError("host", endpoint.host, f"the host is missing or is no host name; {ALLOWED}")
    if not 0 <= endpoint.port <= _MAX_PORT:
        raise InvalidValueError("port", endpoint.port, f"a port is 1 to {_MAX_PORT}")


def _check_path(path: str) -> None:
    """Refuse a socket path that is not absolute or does not fit into the kernel's address."""
    if not path.startswith("/") or _CONTROL.search(path):
        raise InvalidValueError("path", path, f"a socket's path is absolute and plain; {ALLOWED}")
    if len(os.fsencode(path)) > MAX_SOCKET_PATH:
        raise InvalidValueError("path", path, f"a socket's path has at most {MAX_SOCKET_PATH} bytes")


_CHECKS = {"unix": _check_unix, "tcp": _check_tcp, "ssh": _check_ssh}
