"""DockerRuntime: containerlab's runtime interface on Docker, over the Engine API."""

import math
from collections.abc import Callable, Sequence

from clab_runtime.engine import schema
from clab_runtime.engine.auth import docker_credentials
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.reference import ImageReference
from clab_runtime.engine.resolution import resolve_docker
from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import EngineProtocolError
from clab_runtime.models import Bind, ContainerEvent, ContainerStats, MgmtNet, NodeConfig
from clab_runtime.runtime import cooc, copying, docker_events, docker_listing, docker_stats, removal, stdin, stopping
from clab_runtime.runtime.dialect import Create
from clab_runtime.runtime.docker_networks import DockerNetworks
from clab_runtime.runtime.docker_spec import container_request
from clab_runtime.runtime.engine_runtime import EngineRuntime
from clab_runtime.runtime.faults import START_FAULTS
from clab_runtime.runtime.glances import Glance, docker_glances, exact_glance
from clab_runtime.runtime.listing import ListedContainer, Selection
from clab_runtime.runtime.log_origin import LogOrigin
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.stats_board import StatsBoard
from clab_runtime.stream import Stream


class DockerRuntime(EngineRuntime):
    """Deploy labs on Docker; see ContainerRuntime for what the methods promise."""

    def __init__(self, endpoint: str | None = None) -> None:
        """Use the engine at `endpoint`, such as `unix:///run/docker.sock`; None: find it as the docker CLI does."""
        super().__init__(DockerDialect(), endpoint)


class DockerDialect:
    """What dockerd has of its own; see Dialect."""

    name = "docker"
    timeout = 30.0
    networks = DockerNetworks()
    start_faults = START_FAULTS
    event_history = docker_events.HISTORY
    leaves_checks_alone = False

    def check_engine(self, info: EngineInfo) -> None:
        """Take every engine whose API is spoken: that was found out before."""

    async def learn(self, engine: EngineClient) -> None:
        """Nothing: what docker can't do, it says itself."""

    def resolve(self, endpoint: str | None) -> EngineEndpoint:
        """Find the engine as the docker CLI does."""
        return resolve_docker(endpoint)

    def name_of(self, image: str, reference: ImageReference) -> str:
        """Tell the whole name, which short ones stand for."""
        del image
        return str(reference)

    async def credentials(self, reference: ImageReference) -> RegistryCredentials | None:
        """Find what the docker CLI would send."""
        return await docker_credentials(reference.domain)

    def pull(
        self, engine: EngineClient, reference: ImageReference, credentials: RegistryCredentials | None
    ) -> Stream[schema.ProgressLine]:
        """Pull; POST /images/create."""
        return engine.images.pull(reference.repository, reference.digest or reference.tag, credentials)

    def prepare(self, node: NodeConfig, mgmt: MgmtNet, info: EngineInfo) -> Create:
        """Write the request; POST /containers/create."""
        request = container_request(node, mgmt, info.api_version)

        async def create(engine: EngineClient) -> str:
            return (await engine.containers.create(node.long_name, request)).id

        return create

    async def stop(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Stop; POST /containers/{id}/stop."""
        await engine.containers.stop(container, timeout=math.ceil(seconds))

    async def stop_with_signal(self, engine: EngineClient, container: str, signal: str, seconds: float) -> None:
        """Kill with the signal and wait, for engines below API 1.42 ignore the signal of a stop."""
        await stopping.stop_with_signal(engine, container, signal, seconds)

    async def pause(self, engine: EngineClient, container: str) -> None:
        """Pause; POST /containers/{id}/pause."""
        await engine.containers.pause(container)

    async def remove(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Remove; DELETE /containers/{id}."""
        await removal.remove(engine, container, seconds)

    async def wait(self, engine: EngineClient, container: str) -> int:
        """Wait; POST /containers/{id}/wait."""
        result = await engine.containers.wait(container)
        if result.error is not None and result.error.message:
            raise EngineProtocolError(
                f"the engine can't tell how container {container!r} ended: {result.error.message}"
            )
        return result.status_code

    async def keep_checked(
        self, engine: EngineClient, container: str, tell: Callable[[schema.ContainerInspect], None]
    ) -> None:
        """Do nothing: dockerd runs the checks itself."""

    async def glances(self, engine: EngineClient) -> Sequence[Glance]:
        """List; GET /containers/json."""
        return await docker_glances(engine)

    async def look(self, engine: EngineClient, container: str) -> Glance:
        """Inspect; GET /containers/{id}/json."""
        return exact_glance(await engine.containers.inspect(container))

    async def write_to_stdin(self, engine: EngineClient, container: str, data: bytes, seconds: float) -> None:
        """Attach, and write; POST /containers/{id}/attach."""
        await stdin.write_to_stdin(engine, container, data, seconds)

    async def check_destination(self, engine: EngineClient, inspect: schema.ContainerInspect, path: str) -> None:
        """Refuse what dockerd would write below a file system in memory, and call done."""
        await copying.refuse_hidden(engine, inspect, path)

    def log(self, engine: EngineClient, container: str, wish: LogWish) -> LogOrigin:
        """Get at a log; GET /containers/{id}/logs."""
        return LogOrigin(engine, container, wish)

    async def listen(self, engine: EngineClient, since: str) -> RawStream:
        """Listen since a moment, for dockerd answers before it listens; GET /events."""
        return docker_events.listen(engine, since)

    def event_reader(self) -> Callable[[schema.Event], ContainerEvent | None]:
        """Take dockerd's words."""
        return docker_events.translate

    async def list_containers(self, engine: EngineClient, selection: Selection) -> Sequence[ListedContainer]:
        """List, and look at those that have a process; GET /containers/json, GET /containers/{id}/json."""
        return await docker_listing.list_containers(engine, selection)

    async def measure(self, engine: EngineClient, container: str) -> ContainerStats | None:
        """Measure; GET /containers/{id}/stats."""
        return await docker_stats.measure(engine, container)

    async def follow_stats(self, engine: EngineClient, board: StatsBoard) -> None:
        """Have dockerd measure once a second; GET /containers/{id}/stats."""
        await docker_stats.follow(engine, board)

    async def cooc_mounts(self, engine: EngineClient) -> Sequence[Bind]:
        """Mount dockerd's containers directory and /run/netns; GET /info."""
        return cooc.docker_mounts(await cooc.data_root(engine))
