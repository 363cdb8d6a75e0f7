"""What can be started: names, the Debian suite each one comes from, and its packages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from tests.engines.errors import EngineSetupError

Kind = Literal["docker", "podman"]
VARIABLES: dict[Kind, str] = {"docker": "DOCKER_HOST", "podman": "CONTAINER_HOST"}
"""The environment variable that says where an engine is."""

# What every engine's tree has: the directory skeleton, a shell to look around with, and the tools both kinds call.
_COMMON = (
    "base-files",
    "bash",
    "busybox-static",
    "ca-certificates",
    "coreutils",
    "dash",
    "iproute2",
    "iptables",
    "kmod",
    "mount",
    "nftables",
    "runc",
)
_PACKAGES: dict[Kind, tuple[str, ...]] = {
    "docker": ("docker.io", "containerd", "procps", "tini"),  # procps: "top" runs the engine's own ps
    "podman": ("podman", "aardvark-dns", "catatonit", "conmon", "netavark"),  # catatonit: HostConfig.Init
}
# An ordinary user's namespaces and networks: newuidmap, and what each version takes for its network.
_ROOTLESS = ("passt", "slirp4netns", "uidmap")
_MAIN_PACKAGE: dict[Kind, str] = {"docker": "docker.io", "podman": "podman"}


class TreeSpec(Protocol):
    """A tree of unpacked packages: NAME has the series of the main package's version in it."""

    @property
    def name(self) -> str: ...
    @property
    def suite(self) -> str: ...
    @property
    def series(self) -> str: ...
    @property
    def packages(self) -> tuple[str, ...]: ...
    @property
    def main_package(self) -> str: ...


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """One engine that can be started: NAME is kind and series, as in ``docker-20.10``, and whether it is rootless."""

    name: str
    kind: Kind
    suite: str
    rootless: bool = False
    """An ordinary user runs it."""

    @property
    def series(self) -> str:
        return self.name.split("-")[1]

    @property
    def packages(self) -> tuple[str, ...]:
        return (*_COMMON, *_PACKAGES[self.kind], *(_ROOTLESS if self.rootless else ()))

    @property
    def main_package(self) -> str:
        return _MAIN_PACKAGE[self.kind]


ENGINES: dict[str, EngineSpec] = {
    spec.name: spec
    for spec in (
        EngineSpec("docker-20.10", "docker", "bookworm"),
        EngineSpec("podman-4.3", "podman", "bookworm"),
        EngineSpec("docker-26.1", "docker", "trixie"),
        EngineSpec("podman-5.4", "podman", "trixie"),
        EngineSpec("docker-28.5", "docker", "sid"),
        EngineSpec("podman-5.8", "podman", "sid"),
        EngineSpec("podman-4.3-rootless", "podman", "bookworm", rootless=True),
        EngineSpec("podman-5.4-rootless", "podman", "trixie", rootless=True),
        EngineSpec("podman-5.8-rootless", "podman", "sid", rootless=True),
    )
}


@dataclass(frozen=True, slots=True)
class RegistrySpec:
    """The registry that engines pull from; the oldest suite's runs on the libraries of every engine's tree."""

    name: str = "registry-2.8"
    suite: str = "bookworm"
    series: str = "2.8"
    packages: tuple[str, ...] = ("busybox-static", "docker-registry")  # busybox: every tree brings its image
    main_package: str = "docker-registry"


def spec_of(name: str) -> EngineSpec:
    """Look an engine up by name."""
    if name not in ENGINES:
        raise EngineSetupError(f"no engine is called {name!r}; there are: {', '.join(ENGINES)}")
    return ENGINES[name]
