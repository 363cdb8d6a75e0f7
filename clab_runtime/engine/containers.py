"""The endpoints of containers; POST and GET /containers/..."""

import base64
from collections.abc import AsyncIterable, Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from clab_runtime.engine import schema
from clab_runtime.engine.log_options import LogOptions, log_query
from clab_runtime.engine.raw import body_of
from clab_runtime.engine.replies import decode
from clab_runtime.engine.target import named, segment

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient
    from clab_runtime.engine.duplex import Duplex
    from clab_runtime.engine.raw import RawStream

STOP_MARGIN = 5.0
"""Seconds that an engine gets on top of a stop's own time, to kill and to answer."""


def _path(container: str, rest: str) -> str:
    """Write the path of something of a container."""
    return f"/containers/{segment(container, 'container')}/{rest}"


class Containers:
    """Make, run, look at and remove containers; each takes a name, an id, or the beginning of one."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, name: str, container: schema.ContainerCreate) -> schema.Created:
        """Create a container without starting it; POST /containers/create."""
        query = {"name": named(name, "container name")}
        return await self._client.request(
            "POST", "/containers/create", schema.Created, query=query, json=container, dedicated=True
        )

    async def inspect(self, container: str) -> schema.ContainerInspect:
        """Return all that the engine knows of a container; GET /containers/{id}/json."""
        return await self._client.request("GET", _path(container, "json"), schema.ContainerInspect)

    async def list(
        self, *, all_states: bool = True, filters: Mapping[str, Sequence[str]] | None = None
    ) -> Sequence[schema.ContainerSummary]:
        """List containers, those that don't run too unless told otherwise; GET /containers/json."""
        query = {"all": all_states, "filters": filters or None}
        return await self._client.request("GET", "/containers/json", list[schema.ContainerSummary], query=query)

    async def start(self, container: str) -> None:
        """Start a container; one that runs stays as it is; POST /containers/{id}/start."""
        await self._client.call("POST", _path(container, "start"))

    async def stop(self, container: str, *, timeout: int, signal: str | None = None) -> None:  # noqa: ASYNC109
        """Stop a container, by force after `timeout` seconds; POST /containers/{id}/stop.

        `signal` is ignored by engines below API 1.42 and by Podman.
        """
        await self._client.call(
            "POST",
            _path(container, "stop"),
            query={"t": timeout, "signal": signal},
            timeout=timeout + STOP_MARGIN + self._client.timeout,
            dedicated=True,
        )

    async def kill(self, container: str, signal: str = "KILL") -> None:
        """Send a signal to a container's first process; POST /containers/{id}/kill."""
        await self._client.call("POST", _path(container, "kill"), query={"signal": signal})

    async def pause(self, container: str) -> None:
        """Freeze a container's processes; POST /containers/{id}/pause."""
        await self._client.call("POST", _path(container, "pause"))

    async def unpause(self, container: str) -> None:
        """Let a container's processes go on; POST /containers/{id}/unpause."""
        await self._client.call("POST", _path(container, "unpause"))

    async def remove(self, container: str, *, force: bool = False, volumes: bool = False) -> None:
        """Remove a container, with `volumes` its anonymous volumes too; DELETE /containers/{id}."""
        path = f"/containers/{segment(container, 'container')}"
        await self._client.call("DELETE", path, query={"force": force, "v": volumes}, dedicated=True)

    async def wait(self, container: str, condition: str = "not-running") -> schema.WaitResult:
        """Wait, without a limit, for `not-running`, `next-exit` or `removed`; POST /containers/{id}/wait."""
        return await self._client.request(
            "POST",
            _path(container, "wait"),
            schema.WaitResult,
            query={"condition": condition},
            timeout=None,
            dedicated=True,
        )

    def logs(self, container: str, **options: Unpack[LogOptions]) -> "RawStream":
        """Return a container's output, framed by the engine; GET /containers/{id}/logs."""
        return self._client.stream("GET", _path(container, "logs"), query=log_query(options))

    def stats(self, container: str) -> "RawStream":
        """Return what a container uses, as JSON objects, one a second on Docker; GET /containers/{id}/stats."""
        return self._client.stream("GET", _path(container, "stats"), query={"stream": True})

    async def stats_once(self, container: str) -> schema.Stats:
        """Return what a container uses now; GET /containers/{id}/stats.

        Engines before API 1.41 measure twice, and some later ones wait for their next round: it may take two seconds.
        """
        query = {"stream": False, "one-shot": True}
        return await self._client.request("GET", _path(container, "stats"), schema.Stats, query=query, dedicated=True)

    async def attach(
        self, container: str, *, stdin: bool = False, output: bool = True, detach_keys: str | None = None
    ) -> "Duplex":
        """Attach to a running container's standard streams; POST /containers/{id}/attach.

        On a TTY `detach_keys`, such as `ctrl-p,ctrl-q` (which they are on Docker if None), end it when they are sent.
        """
        query = {
            "stream": True,
            "stdin": stdin,
            "stdout": output,
            "stderr": output,
            "detachKeys": detach_keys,
        }
        return await self._client.upgrade(_path(container, "attach"), query=query)

    async def resize(self, container: str, *, width: int, height: int) -> None:
        """Set the size of a container's TTY, in characters; POST /containers/{id}/resize."""
        await self._client.call("POST", _path(container, "resize"), query={"w": width, "h": height})

    async def stat(self, container: str, path: str) -> schema.PathStat:
        """Tell what stands at a path in a container, which need not run; HEAD /containers/{id}/archive."""
        target = _path(container, "archive")
        response = await self._client.open("HEAD", target, query={"path": path}, timeout=self._client.timeout)
        await body_of(response).aclose()
        told = response.headers.get("x-docker-container-path-stat", "")
        return decode(base64.b64decode(told), schema.PathStat, f"HEAD {target}")

    async def put_archive(
        self, container: str, directory: str, archive: AsyncIterable[bytes], *, replace_directories: bool = True
    ) -> None:
        """Unpack a tar archive, without a limit of time, into a directory of a container; PUT /containers/{id}/archive.

        Unless told otherwise, an engine replaces a directory, with all that is in it, by a file of its name.
        """
        await self._client.call(
            "PUT",
            _path(container, "archive"),
            query={"path": directory, "noOverwriteDirNonDir": not replace_directories},
            content=archive,
            timeout=None,
            dedicated=True,
        )
