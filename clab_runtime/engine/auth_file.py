"""The files in which docker and podman keep registries' credentials: reading one, and an entry of it."""

import base64
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import anyio.to_thread
import msgspec

from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.errors import CredentialsError


class AuthEntry(msgspec.Struct):
    """What a login has left in the file."""

    auth: str | None = None
    username: str | None = None
    password: str | None = None
    identitytoken: str | None = None
    registrytoken: str | None = None


class AuthFile(msgspec.Struct, rename="camel"):
    """Docker's config.json or podman's auth.json, as far as it is about registries."""

    auths: Mapping[str, AuthEntry | None] | None = None
    cred_helpers: Mapping[str, str] | None = None
    creds_store: str | None = None


class Program(msgspec.Struct, frozen=True):
    """Whose file it is, for the advice in errors."""

    name: str
    """`docker` or `podman`."""
    variable: str
    """The environment variable that leads to another file."""

    @property
    def login(self) -> str:
        """The command that writes the file anew."""
        return f"{self.name} login"


async def read_auth_file(path: Path, registry: str, program: Program) -> AuthFile:
    """Read a file; no file is an empty one. The error is raised apart from its cause, which may hold the file."""
    repair = f"repair the file, or set {program.variable} to have another read"
    try:
        data = await anyio.to_thread.run_sync(path.read_bytes)
    except (FileNotFoundError, NotADirectoryError):
        return AuthFile()
    except OSError as exc:
        raise CredentialsError(registry, f"{path} can't be read: {exc.strerror}", repair) from exc
    try:
        return msgspec.json.decode(data, type=AuthFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        problem = exc.reason if isinstance(exc, UnicodeDecodeError) else str(exc)
    raise CredentialsError(registry, f"{path} is not valid JSON for {program.name}: {problem}", repair)


def host_in(key: str) -> str:
    """Return the host, with its port, in a key that may have a scheme and a path."""
    return key.rpartition("://")[2].partition("/")[0]


def read_entry(entry: AuthEntry, registry: str, path: Path, program: Program) -> RegistryCredentials | None:
    """Read an entry of a file; one that says nothing is left where a helper keeps the rest."""
    username, password = entry.username or "", entry.password or ""
    if entry.auth:
        username, password = _decode(entry.auth, registry, path, program)
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


def _decode(auth: str, registry: str, path: Path, program: Program) -> tuple[str, str]:
    """Take `user:password` out of base64. The error is raised apart from its cause, which may hold the secret."""
    text = ""
    with suppress(ValueError):
        text = base64.b64decode(auth, validate=True).decode()
    username, colon, password = text.partition(":")
    if not colon or not username:
        problem = f"the `auth` of the registry in {path} is not the base64 of user:password"
        raise CredentialsError(registry, problem, f"log in again with `{program.login}`")
    return username, password.strip("\0")
