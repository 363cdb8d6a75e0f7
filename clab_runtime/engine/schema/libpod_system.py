"""Wire structs of Podman's own endpoints of the engine as a whole; libpod/info."""

from collections.abc import Sequence

from msgspec import Struct, field


class LibpodReply(Struct, rename="camel", kw_only=True, gc=False):
    """What libpod's info is made of."""


class LibpodSecurity(LibpodReply):
    """What rights the engine has."""

    rootless: bool = False


class LibpodHost(LibpodReply):
    """The engine's host, as the engine may use it."""

    security: LibpodSecurity = field(default_factory=LibpodSecurity)
    cgroup_version: str = ""
    cgroup_controllers: Sequence[str] | None = None


class LibpodInfo(LibpodReply):
    """GET /libpod/info."""

    host: LibpodHost = field(default_factory=LibpodHost)
