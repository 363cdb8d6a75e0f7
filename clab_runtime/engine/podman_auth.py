"""A registry's credentials, found as podman finds them: in its auth.json files, and then as the docker CLI does.

`$REGISTRY_AUTH_FILE`, if it is set, is the only file. Else the first file with an answer counts: the one that
`podman login` writes, which is gone after a restart of the machine, then the user's own, then docker's. In each a
helper of the registry (`credHelpers`) is asked first; else the key counts that has most of the image's name. What
registries.conf says of helpers is the engine's own matter.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from clab_runtime.engine.auth import docker_credentials
from clab_runtime.engine.auth_file import AuthEntry, Program, host_in, read_auth_file, read_entry
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.helper import ask_helper
from clab_runtime.engine.reference import DEFAULT_DOMAIN, ImageReference

_PODMAN: Final = Program("podman", "REGISTRY_AUTH_FILE")
_HUB: Final = frozenset({DEFAULT_DOMAIN, "index.docker.io", "registry-1.docker.io"})
"""What docker.io goes by."""


async def podman_credentials(reference: ImageReference) -> RegistryCredentials | None:
    """Find what podman would send to the registry of an image, None for nothing. Raises CredentialsError."""
    only = os.environ.get(_PODMAN.variable)
    for path in [Path(only)] if only else _own_files():
        if found := await _in_file(path, reference):
            return found
    return None if only else await docker_credentials(reference.domain)


def _own_files() -> Sequence[Path]:
    """Return where podman keeps logins, the first that it looks at first."""
    running = os.environ.get("XDG_RUNTIME_DIR") or f"/run/containers/{os.getuid()}"
    kept = os.environ.get("XDG_CONFIG_HOME") or Path("~/.config").expanduser()
    below_run = "containers" if os.environ.get("XDG_RUNTIME_DIR") else ""
    return Path(running, below_run, "auth.json"), Path(kept, "containers", "auth.json")


async def _in_file(path: Path, reference: ImageReference) -> RegistryCredentials | None:
    """Look the registry up in a file."""
    registry = reference.domain
    file = await read_auth_file(path, registry, _PODMAN)
    if helper := (file.cred_helpers or {}).get(registry):
        return await ask_helper(helper, registry)
    entry = _find_entry(file.auths or {}, reference)
    return read_entry(entry, registry, path, _PODMAN) if entry else None


def _find_entry(auths: Mapping[str, AuthEntry | None], reference: ImageReference) -> AuthEntry | None:
    """Look an image up by its whole name, by ever less of it, and at last by the host in keys of any form."""
    for key in _keys(reference):
        if key in auths:
            return auths[key]
    hosts = _HUB if reference.domain in _HUB else {reference.domain}
    plain = (entry for key, entry in auths.items() if host_in(key) in hosts and _is_whole(key))
    return next(plain, None)


def _keys(reference: ImageReference) -> Iterator[str]:
    """Name the keys that may hold an image's credentials, the one with most of its name first."""
    name = reference.repository
    while name:
        yield name
        name = name.rpartition("/")[0]


def _is_whole(key: str) -> bool:
    """Tell whether a key is that of a whole registry: a URL, as docker writes them, or a host alone."""
    return "://" in key or "/" not in key or key.endswith(("/v1/", "/v2/"))
