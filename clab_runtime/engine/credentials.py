"""What a registry is told of who is asking, and the header that takes it to the engine; neither shows the secret."""

import base64
from dataclasses import dataclass
from typing import Final

import httpx
import msgspec

HEADER: Final = "X-Registry-Auth"
"""The header in which the engine wants a registry's credentials."""


class _AuthConfig(msgspec.Struct, omit_defaults=True):
    """The document inside the header."""

    username: str = ""
    password: str = ""
    identitytoken: str = ""
    registrytoken: str = ""
    serveraddress: str = ""


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class RegistryCredentials:
    """A user's name and password for a registry, or a token that stands for both."""

    registry: str
    """The registry, as the docker CLI's configuration calls it."""
    username: str = ""
    password: str = ""
    identity_token: str = ""
    """What a login has left in place of the password."""
    registry_token: str = ""
    """What is sent to the registry as it is."""

    def __repr__(self) -> str:
        return f"<RegistryCredentials for {self.registry}>"

    def header(self) -> bytes:
        """Return the header's value: JSON in the URL's own base64."""
        document = _AuthConfig(
            self.username, self.password, self.identity_token, self.registry_token, serveraddress=self.registry
        )
        return base64.urlsafe_b64encode(msgspec.json.encode(document))


class SecretHeaders(httpx.Headers):
    """A request's headers, whose repr hides the registry's credentials as httpx hides others."""

    def __repr__(self) -> str:
        shown = self.copy()
        shown[HEADER] = "[secure]"
        return repr(shown)
