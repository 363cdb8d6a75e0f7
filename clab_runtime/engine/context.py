"""The docker CLI's configuration folder, as far as it says where the engine is: config.json and the contexts."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from clab_runtime.errors import EngineConnectionError

DEFAULT_CONTEXT = "default"
"""The context that has no files: it means the default socket."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DockerContext:
    """What a context says of its docker endpoint; the files are those that exist."""

    name: str
    host: str
    skip_tls_verify: bool
    ca: str | None
    cert: str | None
    key: str | None

    @property
    def has_tls_files(self) -> bool:
        """Tell whether the context brings TLS material."""
        return bool(self.ca or self.cert or self.key)


class _Config(msgspec.Struct, rename="camel"):
    """config.json."""

    current_context: str | None = None


class _DockerEndpoint(msgspec.Struct, rename="pascal"):
    """meta.json, at Endpoints.docker."""

    host: str | None = None
    skip_tls_verify: bool | None = msgspec.field(name="SkipTLSVerify", default=None)


class _Endpoints(msgspec.Struct):
    """meta.json, at Endpoints; a context may be without docker (kubernetes, aci)."""

    docker: _DockerEndpoint | None = None


class _Meta(msgspec.Struct, rename="pascal"):
    """meta.json."""

    endpoints: _Endpoints | None = None


def current_context(config: Path) -> str:
    """Return the context that `docker context use` chose; "default" without one. Raises EngineConnectionError."""
    path = config / "config.json"
    try:
        found = _decode(path, _Config)
    except (FileNotFoundError, NotADirectoryError):
        return DEFAULT_CONTEXT
    return found.current_context or DEFAULT_CONTEXT


def load_context(config: Path, name: str) -> DockerContext:
    """Read a context by name. Raises EngineConnectionError when there is none, or none for docker."""
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()
    where = f"docker context {name!r}"
    try:
        meta = _decode(config / "contexts" / "meta" / digest / "meta.json", _Meta)
    except (FileNotFoundError, NotADirectoryError):
        problem = f"there is no such context in {config / 'contexts'}"
        raise EngineConnectionError(where, problem, _ADVICE) from None
    docker = meta.endpoints.docker if meta.endpoints else None
    if docker is None or not docker.host:
        raise EngineConnectionError(where, "the context has no docker endpoint", _ADVICE)
    files = (_existing(config / "contexts" / "tls" / digest / "docker" / f"{part}.pem") for part in _PARTS)
    return DockerContext(name, docker.host, bool(docker.skip_tls_verify), *files)


_PARTS = ("ca", "cert", "key")
_ADVICE = (
    "list them with `docker context ls`, choose one with `docker context use` or DOCKER_CONTEXT, or set DOCKER_HOST"
)


def _existing(path: Path) -> str | None:
    """Return the path if there is such a file."""
    return str(path) if path.exists() else None


def _decode(path: Path, kind: type[T]) -> T:
    """Read a JSON file; a missing one raises as the system says it, a bad one as EngineConnectionError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:
        raise EngineConnectionError(str(path), f"this is not valid JSON for docker: {error}", _REPAIR) from error
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise EngineConnectionError(str(path), f"can't be read: {error.strerror}", _REPAIR) from error


_REPAIR = "repair the file, or set DOCKER_HOST to do without it"
