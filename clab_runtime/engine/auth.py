"""A registry's credentials, found as the docker CLI finds them: in its config.json, or with the helper named there.

For a registry with a helper of its own (`credHelpers`) that one is asked, else the one for all (`credsStore`), else
`auths` counts. The file is read for every pull, so that a login counts at once.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from clab_runtime.engine.auth_file import AuthEntry, Program, host_in, read_auth_file, read_entry
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.helper import ask_helper
from clab_runtime.engine.reference import DEFAULT_DOMAIN

DOCKER_HUB: Final = "https://index.docker.io/v1/"
"""What the docker CLI calls docker.io."""

_DOCKER: Final = Program("docker", "DOCKER_CONFIG")


async def docker_credentials(domain: str) -> RegistryCredentials | None:
    """Find what the docker CLI would send to a registry, None for nothing. Raises CredentialsError.

    Reads `$DOCKER_CONFIG/config.json`, or `~/.docker/config.json`.
    """
    registry = DOCKER_HUB if domain == DEFAULT_DOMAIN else domain
    path = _config_path()
    config = await read_auth_file(path, registry, _DOCKER)
    helper = (config.cred_helpers or {}).get(registry, config.creds_store)
    if helper:
        return await ask_helper(helper, registry)
    entry = _find_entry(config.auths or {}, registry)
    return read_entry(entry, registry, path, _DOCKER) if entry else None


def _config_path() -> Path:
    """Return where the docker CLI has its configuration."""
    return Path(os.environ.get("DOCKER_CONFIG") or Path("~/.docker").expanduser()) / "config.json"


def _find_entry(auths: Mapping[str, AuthEntry | None], registry: str) -> AuthEntry | None:
    """Look a registry up by its name, else by the host in keys that old logins have written as URLs."""
    if registry in auths:
        return auths[registry]
    return next((entry for key, entry in auths.items() if host_in(key) == registry), None)
