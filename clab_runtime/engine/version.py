"""Which engine answers, and which version of its API to speak."""

from collections.abc import Mapping
from typing import Self

import msgspec

from clab_runtime.errors import EngineProtocolError, UnsupportedOperationError


class APIVersion(msgspec.Struct, frozen=True, order=True):
    """A version of the Engine API, such as 1.41."""

    major: int
    minor: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.41`; raise ValueError for anything else."""
        major, _, minor = text.strip().partition(".")
        return cls(int(major), int(minor))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


FLOOR = APIVersion(1, 40)
"""The oldest version spoken: Docker 19.03's."""

CEILING = APIVersion(1, 55)
"""The newest version known."""

LIBPOD_FLOOR = APIVersion(4, 3)
"""The oldest Podman whose own API is spoken."""

_PATTERNS_SINCE = APIVersion(4, 5)

LIBPOD_CEILING = APIVersion(5, 8)
"""The newest one known."""


class EngineInfo(msgspec.Struct, frozen=True):
    """What an engine says of itself when it is asked for its versions."""

    engine: str
    """`docker` or `podman`."""

    version: str
    """The engine's own version, such as `20.10.24+dfsg1`; may be empty behind a proxy."""

    api_version: APIVersion
    """The version of the Engine API that is spoken with it: the newest that both sides know."""

    libpod_version: APIVersion | None = None
    """The version of Podman's own API that is spoken with it; None: it has none that is known."""

    @property
    def takes_patterns(self) -> bool:
        """Whether a container's name may be taken for a pattern of ids (see patterns.py)."""
        return self.libpod_version is not None and self.libpod_version >= _PATTERNS_SINCE


def negotiate(headers: Mapping[str, str], endpoint: str) -> EngineInfo:
    """Choose the API version from the headers of `/_ping` (lower-case names).

    Raises EngineProtocolError when it is no engine that answers, UnsupportedOperationError when it is too old.
    """
    product, _, version = headers.get("server", "").partition(" ")[0].partition("/")
    engine = "podman" if "libpod-api-version" in headers else "docker"
    version = headers.get("libpod-api-version", version if product else "")
    try:
        newest = APIVersion.parse(headers.get("api-version", ""))
    except ValueError:
        raise EngineProtocolError(f"{endpoint}: what answers is no container engine: it sends no Api-Version") from None
    if newest < FLOOR:
        raise UnsupportedOperationError(engine, version, f"API {FLOOR} or newer (it speaks {newest})")
    return EngineInfo(engine, version, min(newest, CEILING), _libpod_version(version) if engine == "podman" else None)


def _libpod_version(version: str) -> APIVersion | None:
    """Choose the version of Podman's own API from Podman's version, such as `5.4.2` or `5.0.0-rc1`."""
    try:
        newest = APIVersion.parse(".".join(version.split(".")[:2]))
    except ValueError:
        return None
    return min(newest, LIBPOD_CEILING) if newest >= LIBPOD_FLOOR else None
