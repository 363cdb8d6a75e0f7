"""The network namespaces of containers: where they are, and the links to them in /run/netns."""

import re
from contextlib import suppress
from pathlib import Path

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ContainerExitedError, ContainerRuntimeError, NotFoundError
from clab_runtime.host import netns
from clab_runtime.host.processes import belongs_to
from clab_runtime.host.side import HostSide
from clab_runtime.runtime.diagnosis import diagnose

_ID = re.compile(r"[0-9a-f]+")
_HOST = "host"


async def namespace_path(engine: EngineClient, container: str) -> str:
    """Return the path of a container's network namespace; GET /containers/{id}/json.

    Raises ContainerExitedError when the container does not run, ContainerRuntimeError when the namespace can't be seen
    from here.
    """
    for _ in range(2):  # it may end between the engine's answer and our look
        inspect = await engine.containers.inspect(container)
        if not inspect.state.pid:
            raise await _not_running(engine, container, inspect.state)
        if path := _visible_path(inspect):
            return path
    raise ContainerRuntimeError(
        f"the network namespace of container {container!r} can't be seen from here; call this on the engine's host, "
        "in its own PID namespace (docker run --pid=host)"
    )


async def link_namespace(engine: EngineClient, host: HostSide, container: str, name: str) -> None:
    """Link a node's name to its container's namespace, as far as that is possible; GET /containers/{id}/json."""
    if not host.may_link():
        return
    try:
        await _link(engine, host, container, name)
    except (ContainerRuntimeError, TimeoutError) as exc:
        if not isinstance(exc, NotFoundError):  # it has started, and has been removed since
            host.warn("a network namespace is not linked", str(exc))


async def _link(engine: EngineClient, host: HostSide, container: str, name: str) -> None:
    """Link a name to the namespace of a container, if it runs and the namespace is its own."""
    for _ in range(2):  # it may end between the engine's answer and our look
        inspect = await engine.containers.inspect(container)
        if not inspect.state.pid or inspect.host_config.network_mode == _HOST:  # that would invite to change the host's
            return
        if path := _visible_path(inspect):
            host.link(name or inspect.name.removeprefix("/"), path)
            return
    host.warn("network namespaces are not linked", f"that of container {container!r} can't be seen from here")


async def find_link(engine: EngineClient, container: str) -> netns.Link | None:
    """Find the link to a container's namespace; asks for the name of one that is given by its id."""
    link = netns.find(container)
    if link or not _ID.fullmatch(container):
        return link
    with suppress(NotFoundError):
        return netns.find((await engine.containers.inspect(container)).name.removeprefix("/"))
    return None


def _visible_path(inspect: schema.ContainerInspect) -> str:
    """Choose the file that leads to a running container's namespace on this machine; empty: there is none."""
    pid = inspect.state.pid
    with suppress(OSError):
        if belongs_to(pid, inspect.id):
            return f"/proc/{pid}/ns/net"
    if inspect.host_config.network_mode == _HOST:  # on every machine the same name is its own host's
        return ""
    candidates = (inspect.network_settings.sandbox_key, f"{netns.DIRECTORY}/{inspect.name.removeprefix('/')}")
    return next(filter(_is_namespace_file, candidates), "")


def _is_namespace_file(path: str) -> bool:
    """Tell whether a namespace is mounted there; a link would only lead to a process's number once more."""
    return bool(path) and Path(path).is_file() and not Path(path).is_symlink()


async def _not_running(engine: EngineClient, container: str, state: schema.ContainerState) -> ContainerExitedError:
    """Make the error for a container without a process."""
    if state.status == "created" and not state.error:
        return ContainerExitedError(container, error="it has not been started yet")
    return await diagnose(engine, container)
