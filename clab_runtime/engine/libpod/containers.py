"""Podman's own endpoints of containers; /libpod/containers/..."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Unpack

from clab_runtime.engine import schema
from clab_runtime.engine.containers import STOP_MARGIN
from clab_runtime.engine.log_options import LogOptions, log_query
from clab_runtime.engine.raw import body_of
from clab_runtime.engine.target import QueryValue, named, segment

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient
    from clab_runtime.engine.raw import RawStream


def _path(container: str, rest: str = "") -> str:
    """Write the path of a container, or of something of it."""
    return f"/libpod/containers/{segment(container, 'container')}{rest}"


class Containers:
    """Make, run and look at containers as Podman knows them; each takes a name, an id, or the beginning of one."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, container: schema.ContainerSpec) -> schema.Created:
        """Create a container without starting it; POST /libpod/containers/create."""
        named(container.name, "container name")
        return await self._client.request(
            "POST", "/libpod/containers/create", schema.Created, json=container, dedicated=True
        )

    async def list(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> Sequence[schema.LibpodContainer]:
        """List containers in every state, with the numbers of their processes; GET /libpod/containers/json."""
        query = {"all": True, "filters": filters or None}
        return await self._client.request("GET", "/libpod/containers/json", list[schema.LibpodContainer], query=query)

    async def inspect(self, container: str) -> schema.LibpodContainerInspect:
        """Return how a container does, in Podman's own words; GET /libpod/containers/{id}/json."""
        return await self._client.request("GET", _path(container, "/json"), schema.LibpodContainerInspect)

    def logs(self, container: str, **options: Unpack[LogOptions]) -> "RawStream":
        """Return a container's output, in frames also if it has a terminal; GET /libpod/containers/{id}/logs."""
        return self._client.stream("GET", _path(container, "/logs"), query=log_query(options))

    async def stop(self, container: str, *, timeout: int) -> None:  # noqa: ASYNC109
        """Stop a container, by force after `timeout` seconds; POST /libpod/containers/{id}/stop.

        Podman's answer does not tell whether the stop met it running: one that ends meanwhile is answered like it.
        """
        response = await self._client.open(
            "POST",
            _path(container, "/stop"),
            query={"timeout": timeout},
            timeout=timeout + STOP_MARGIN + self._client.timeout,
            dedicated=True,
        )
        await body_of(response).aclose()

    async def update_restart_policy(self, container: str, policy: schema.RestartPolicy) -> None:
        """Change when Podman starts a container again, since 5.1; POST /libpod/containers/{id}/update."""
        query = {"restartPolicy": policy.name, "restartRetries": policy.maximum_retry_count or None}
        await self._client.call("POST", _path(container, "/update"), query=query, json=schema.LibpodUpdate())

    async def wait(self, container: str) -> int:
        """Wait, without a limit, for a container's end, and return its exit code; POST /libpod/containers/{id}/wait.

        It is 0 for one that has never run, and -1 where Podman has forgotten it.
        """
        return await self._client.request("POST", _path(container, "/wait"), int, timeout=None, dedicated=True)

    async def check_health(self, container: str) -> None:
        """Run a container's health check once, to its end, and have its result noted.

        GET /libpod/containers/{id}/healthcheck. Raises ConflictError when the container does not run.
        """
        await self._client.call("GET", _path(container, "/healthcheck"), timeout=None, dedicated=True)

    async def stats(self, containers: Sequence[str]) -> schema.LibpodStatsReport:
        """Return what containers use now, all in one answer; GET /libpod/containers/stats."""
        query: dict[str, QueryValue] = {
            "containers": tuple(named(container, "container") for container in containers),
            "stream": False,
        }
        return await self._client.request("GET", "/libpod/containers/stats", schema.LibpodStatsReport, query=query)

    async def remove(self, container: str) -> None:
        """Remove a container at once, with its anonymous volumes; DELETE /libpod/containers/{id}."""
        query = {"force": True, "v": True, "volumes": True, "timeout": 0}
        await self._client.call("DELETE", _path(container), query=query, dedicated=True)
