"""A registry's credentials, found as the docker CLI finds them: in its config.json, or with the helper named there.

For a registry with a helper of its own (`credHelpers`) that one is asked, else the one for all (`credsStore`), else
`auths` counts. The file is read for every pull, so that a login counts at once.
"""

import base64
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio.to_thread
import msgspec

from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.helper import ask_helper
from clab_runtime.engine.reference import DEFAULT_DOMAIN
from clab_runtime.errors import CredentialsError

DOCKER_HUB: Final = "https://index.docker.io/v1/"
"""What the docker CLI calls docker.io."""


class _Entry(msgspec.Struct):
    """What a login has left in the file."""

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


class _ConfigFile(msgspec.Struct, rename="camel"):
    """config.json, as far as it is about registries."""

    auths: Mapping[str, _Entry | None] | None = None
    cred_helpers: Mapping[str, str] | None = None
    creds_store: str | None = None


async def docker_credentials(domain: str) -> RegistryCredentials | None:
    """Find what the docker CLI would send to a registry, None for nothing. Raises CredentialsError.

    Reads `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`.
    """
    registry = DOCKER_HUB if domain == DEFAULT_DOMAIN else domain
    path = _config_path()
    config = await _read_config(path, registry)
    helper = (config.cred_helpers or {}).get(registry, config.creds_store)
    if helper:
        return await ask_helper(helper, registry)
    entry = _find_entry(config.auths or {}, registry)
    return _from_entry(entry, registry, path) if entry else None


def _config_path() -> Path:
    """Return where the docker CLI has its configuration."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path("~/.docker").expanduser()) / "config.json"


async def _read_config(path: Path, registry: str) -> _ConfigFile:
    """Read the file; no file is an empty one. The error is raised apart from its cause, which may hold the file."""
    try:
        data = await anyio.to_thread.run_sync(path.read_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return _ConfigFile()
    except OSError as exc:
        raise CredentialsError(registry, f"{path} can't be read: {exc.strerror}", _REPAIR) from exc
    try:
        return msgspec.json.decode(data, type=_ConfigFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        problem = exc.reason if isinstance(exc, UnicodeDecodeError) else str(exc)
    raise CredentialsError(registry, f"{path} is not valid JSON for docker: {problem}", _REPAIR)


_REPAIR = "repair the file, or set DOCKER_CONFIG to a folder with another"


def _find_entry(auths: Mapping[str, _Entry | None], registry: str) -> _Entry | None:
    """Look a registry up by its name, else by the host in keys that old logins have written as URLs."""
    if registry in auths:
        return auths[registry]
    return next((entry for key, entry in auths.items() if _host(key) == registry), None)


def _host(key: str) -> str:
    """Return the host, with its port, in a key that may have a scheme and a path."""
    return key.rpartition("://")[2].partition("/")[0]


def _from_entry(entry: _Entry, registry: str, path: Path) -> RegistryCredentials | None:
    """Read an entry of the file; one that says nothing is left where a helper keeps the rest."""
    username, password = entry.username or "", entry.password or ""
    if entry.auth:
        username, password = _decode(entry.auth, registry, path)
    identity_token, registry_token = entry.identitytoken or "", entry.registrytoken or ""
    if not (username or identity_token or registry_token):
        return None
    return RegistryCredentials(
        registry=registry,
        username=username,
        password=password,
        identity_token=identity_token,
        registry_token=registry_token,
    )


def _decode(auth: str, registry: str, path: Path) -> tuple[str, str]:
    """Take `user:password` out of base64. The error is raised apart from its cause, which may hold the secret."""
    text = ""
    with suppress(ValueError):
        text = base64.b64decode(auth, validate=True).decode()
    username, colon, password = text.partition(":")
    if not colon or not username:
        problem = f"the `auth` of the registry in {path} is not the base64 of user:password"
        raise CredentialsError(registry, problem, "log in again with `docker login`")
    return username, password.strip("\0")
