"""The runtimes there are, by name, and `open_runtime`, which most users need alone.

`docker` and `podman` are imported when they are first opened. Others come through `register`, or by a package that
declares an entry point in the group `clab_runtime.runtimes` whose object is an Initializer.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet, RuntimeConfig
from clab_runtime.models.given import check_text
from clab_runtime.runtime.arguments import check_flag
from clab_runtime.runtime.base import ContainerRuntime
from clab_runtime.runtime.options import with_config, with_keep_mgmt_net, with_mgmt_net

Initializer = Callable[[], ContainerRuntime]
"""What makes a runtime that has not been initialised yet."""

ENTRY_POINTS = "clab_runtime.runtimes"
CLOSING_TIME = 5.0
"""Seconds that closing a runtime may take when the caller has been cancelled."""


def _docker() -> ContainerRuntime:
    """Make a DockerRuntime, importing it now and not before."""
    from clab_runtime.runtime.docker import DockerRuntime  # noqa: PLC0415 - whoever uses Podman never loads it

    return DockerRuntime()


def _podman() -> ContainerRuntime:
    """Make a PodmanRuntime, importing it now and not before."""
    from clab_runtime.runtime.podman import PodmanRuntime  # noqa: PLC0415 - whoever uses Docker never loads it

    return PodmanRuntime()


CONTAINER_RUNTIMES: dict[str, Initializer] = {"docker": _docker, "podman": _podman}
"""The registered runtimes; entry points are added when their name is asked for."""


def register(name: str, initializer: Initializer) -> None:
    """Register a runtime; a name that is taken is replaced."""
    check_text("name", name)
    if not name.strip():
        raise InvalidValueError("name", name, "give the runtime a name")
    if not callable(initializer):
        raise InvalidValueError("initializer", initializer, "give a function that makes the runtime")
    CONTAINER_RUNTIMES[name] = initializer


def new_runtime(name: str) -> ContainerRuntime:
    """Make the runtime of a name, not initialised; raise InvalidValueError when nobody has registered it."""
    check_text("runtime", name)
    if name not in CONTAINER_RUNTIMES:
        from importlib.metadata import entry_points  # noqa: PLC0415 - a third of the time that the package takes to load

        for entry_point in entry_points(group=ENTRY_POINTS, name=name):
            register(name, entry_point.load())
    if name not in CONTAINER_RUNTIMES:
        names = ", ".join(sorted(CONTAINER_RUNTIMES))
        raise InvalidValueError("runtime", name, f"choose one of {names}, or register it")
    return CONTAINER_RUNTIMES[name]()


@asynccontextmanager
async def open_runtime(
    name: str = "docker",
    *,
    config: RuntimeConfig | None = None,
    mgmt: MgmtNet | None = None,
    keep_mgmt_net: bool = False,
) -> AsyncGenerator[ContainerRuntime]:
    """Open a runtime for an `async with` block; leaving closes its connections, containers and networks stay.

    Raises what `ContainerRuntime.init` raises, and InvalidValueError for a name that nobody has registered.
    """
    check_flag("keep_mgmt_net", keep_mgmt_net)
    options = [
        with_config(RuntimeConfig() if config is None else config),
        with_mgmt_net(MgmtNet() if mgmt is None else mgmt),
    ]
    if keep_mgmt_net:
        options.append(with_keep_mgmt_net())
    runtime = new_runtime(name)
    try:
        await runtime.init(*options)
        yield runtime
    finally:
        with anyio.move_on_after(CLOSING_TIME, shield=True):
            await runtime.aclose()
