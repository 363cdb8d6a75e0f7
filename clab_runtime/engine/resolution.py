"""How an engine is found: which endpoint comes before which. Reads files, opens no connection: dial.py does.

resolve_docker:  explicit > DOCKER_HOST > DOCKER_CONTEXT > the docker CLI's currentContext > the default sockets.
resolve_podman:  explicit > CONTAINER_HOST > the default socket of root, or of the user.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from clab_runtime.engine.context import DEFAULT_CONTEXT, DockerContext, current_context, load_context
from clab_runtime.engine.endpoint import Engine, EngineEndpoint, TLSFiles

DOCKER_SOCKET = "/var/run/docker.sock"
PODMAN_SOCKET = "/run/podman/podman.sock"
USER_RUNTIME_DIRS = "/run/user"


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
