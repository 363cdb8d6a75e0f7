"""Where an engine is: the endpoint as a value, and how one is found. Reads files, opens no connection: dial.py does.

resolve_docker:  explicit > DOCKER_HOST > DOCKER_CONTEXT > the docker CLI's currentContext > the default sockets.
resolve_podman:  explicit > CONTAINER_HOST > the default socket of root, or of the user.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from clab_runtime.engine.context import DEFAULT_CONTEXT, DockerContext, current_context, load_context
from clab_runtime.errors import InvalidValueError

Scheme = Literal["unix", "tcp", "ssh"]
Engine = Literal["docker", "podman"]

ALLOWED = "write unix:///absolute/path, tcp://host[:port] or ssh://[user@]host[:port][/path]"
MAX_SOCKET_PATH = 107
"""Bytes of a unix socket's path that fit into the kernel's address, without the closing NUL."""

DOCKER_SOCKET = "/var/run/docker.sock"
PODMAN_SOCKET = "/run/podman/podman.sock"
USER_RUNTIME_DIRS = "/run/user"

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


def resolve_docker(
    explicit: str | EngineEndpoint | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    home: str | Path | None = None,
) -> EngineEndpoint:
    """Find the Docker engine as the docker CLI does; see the top of this file for what comes before what.

    `environ` and `home` stand for the process's own. A string given explicitly is taken as it is: DOCKER_TLS_VERIFY
    and DOCKER_CERT_PATH belong to DOCKER_HOST. Raises InvalidValueError for an address that is none and
    EngineConnectionError for a context that does not exist or a configuration that can't be read.
    """
    if isinstance(explicit, EngineEndpoint):
        return explicit
    if explicit is not None:
        return EngineEndpoint.parse(explicit)
    environ = os.environ if environ is None else environ
    home = _home(environ, home)
    config = Path(environ.get("DOCKER_CONFIG") or home / ".docker")
    if host := environ.get("DOCKER_HOST"):
        return EngineEndpoint.parse(host, field="DOCKER_HOST", tls=_docker_tls(environ, config))
    name = environ.get("DOCKER_CONTEXT") or current_context(config)
    if name != DEFAULT_CONTEXT:
        return _from_context(load_context(config, name))
    return _first_socket("docker", _docker_sockets(environ, home))


def resolve_podman(
    explicit: str | EngineEndpoint | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    uid: int | None = None,
) -> EngineEndpoint:
    """Find the Podman engine: root's socket for root, else the user's; see the top of this file for what comes first.

    `environ` and `uid` stand for the process's own. CONTAINER_SSHKEY counts for every ssh address, CONTAINER_TLS_CA,
    CONTAINER_TLS_CERT and CONTAINER_TLS_KEY for CONTAINER_HOST. Raises InvalidValueError for an address that is none.
    """
    if isinstance(explicit, EngineEndpoint):
        return explicit
    environ = os.environ if environ is None else environ
    key = environ.get("CONTAINER_SSHKEY", "")
    if explicit is not None:
        return EngineEndpoint.parse(explicit, engine="podman", identity=key)
    if host := environ.get("CONTAINER_HOST"):
        tls = _podman_tls(environ)
        return EngineEndpoint.parse(host, field="CONTAINER_HOST", engine="podman", tls=tls, identity=key)
    return _first_socket("podman", _podman_sockets(environ, os.geteuid() if uid is None else uid))


def _home(environ: Mapping[str, str], home: str | Path | None) -> Path:
    """Return the home folder: the one given, else the environment's, else the user database's."""
    return Path(home or environ.get("HOME") or Path("~").expanduser())


def _docker_sockets(environ: Mapping[str, str], home: Path) -> list[str]:
    """List where dockerd listens unless told otherwise: as root, rootless, Docker Desktop."""
    runtime = environ.get("XDG_RUNTIME_DIR")
    rootless = [f"{runtime}/docker.sock"] if runtime else []
    return [DOCKER_SOCKET, *rootless, str(home / ".docker" / "run" / "docker.sock")]


def _podman_sockets(environ: Mapping[str, str], uid: int) -> list[str]:
    """List where podman's service listens unless told otherwise."""
    if uid == 0:
        return [PODMAN_SOCKET]
    folders = [environ.get("XDG_RUNTIME_DIR"), f"{USER_RUNTIME_DIRS}/{uid}"]
    return [f"{folder}/podman/podman.sock" for folder in folders if folder]


def _first_socket(engine: Engine, paths: list[str]) -> EngineEndpoint:
    """Take the first that exists; else the first of all, so that the error on connecting names it."""
    path = next((path for path in paths if Path(path).exists()), paths[0])
    return EngineEndpoint(scheme="unix", path=path, engine=engine)


def _from_context(context: DockerContext) -> EngineEndpoint:
    """Make the endpoint that a docker context describes."""
    wanted = context.skip_tls_verify or context.has_tls_files
    tls = TLSFiles(context.ca, context.cert, context.key, verify=not context.skip_tls_verify) if wanted else None
    return EngineEndpoint.parse(context.host, field=f"docker context {context.name!r}", tls=tls)


def _docker_tls(environ: Mapping[str, str], config: Path) -> TLSFiles | None:
    """Read the variables that turn TLS on; as in Docker's SDK, certificates alone do so without verifying."""
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    cert_path = environ.get("DOCKER_CERT_PATH")
    if not (verify or environ.get("DOCKER_TLS") or cert_path):
        return None
    folder = Path(cert_path) if cert_path else config
    cert, key = folder / "cert.pem", folder / "key.pem"
    ca = str(folder / "ca.pem") if verify else None
    if cert.exists() or key.exists():
        return TLSFiles(ca, str(cert), str(key), verify=verify)
    return TLSFiles(ca, verify=verify)


def _podman_tls(environ: Mapping[str, str]) -> TLSFiles | None:
    """Read the variables that turn TLS on for podman's remote service."""
    ca, cert, key = (environ.get(f"CONTAINER_TLS_{part}") or None for part in ("CA", "CERT", "KEY"))
    return TLSFiles(ca, cert, key) if ca or cert or key else None


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
