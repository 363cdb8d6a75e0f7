"""PodmanRuntime: containerlab's runtime interface on Podman."""

import math
import time
from collections.abc import Sequence
from datetime import datetime

from clab_runtime.engine import schema
from clab_runtime.engine.auth import docker_credentials
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.reference import ImageReference
from clab_runtime.engine.resolution import resolve_podman
from clab_runtime.engine.version import LIBPOD_FLOOR, EngineInfo
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import Bind, ContainerEvent, EventStreamOptions, LogLine, MgmtNet, NodeConfig
from clab_runtime.runtime import cooc, copying, removal, stdin, stopping
from clab_runtime.runtime.dialect import Create
from clab_runtime.runtime.engine_runtime import EngineRuntime
from clab_runtime.runtime.event_filters import event_filters
from clab_runtime.runtime.podman_create import create
from clab_runtime.runtime.podman_mounts import bind_sources
from clab_runtime.runtime.podman_networks import PodmanNetworks
from clab_runtime.runtime.podman_rights import Rights, rights_of
from clab_runtime.runtime.podman_spec import container_spec
from clab_runtime.runtime.reading_logs import read_logs
from clab_runtime.runtime.translate import event_from_wire
from clab_runtime.stream import Stream


class PodmanRuntime(EngineRuntime):
    """Deploy labs on Podman; see ContainerRuntime for what the methods promise."""

    def __init__(self, endpoint: str | None = None) -> None:
        """Use the engine at `endpoint`, such as `unix:///run/podman/podman.sock`; None: find it as podman does."""
        super().__init__(PodmanDialect(), endpoint)


class PodmanDialect:
    """What podman has of its own; see Dialect."""

    name = "podman"
    timeout = 120.0
    networks = PodmanNetworks()
    start_faults = ()

    def __init__(self) -> None:
        """Begin with what is usual."""
        self._info = schema.LibpodInfo()
        self._rights = Rights()

    def check_engine(self, info: EngineInfo) -> None:
        """Refuse a Podman whose own API is not spoken."""
        if info.libpod_version is None:
            feature = f"libpod, Podman's own API, as the runtime 'podman' needs it: use Podman {LIBPOD_FLOOR} or newer"
            raise UnsupportedOperationError(info.engine, info.version, feature)

    async def learn(self, engine: EngineClient) -> None:
        """Ask how podman runs, and so what it may do; GET /libpod/info."""
        self._info = await cooc.podman_store(engine)
        self._rights = rights_of(self._info.host, engine.endpoint)

    def resolve(self, endpoint: str | None) -> EngineEndpoint:
        """Find the engine as podman does."""
        return resolve_podman(endpoint)

    async def credentials(self, domain: str) -> RegistryCredentials | None:
        """Find what the docker CLI would send."""
        return await docker_credentials(domain)

    def pull(
        self, engine: EngineClient, reference: ImageReference, credentials: RegistryCredentials | None
    ) -> Stream[schema.ProgressLine]:
        """Pull; POST /images/create."""
        return engine.images.pull(reference.repository, reference.digest or reference.tag, credentials)

    def prepare(self, node: NodeConfig, mgmt: MgmtNet, info: EngineInfo) -> Create:
        """Write the request; POST /libpod/containers/create."""
        spec, binds = self._rights.within(container_spec(node, mgmt, info)), bind_sources(node)
        self._rights.check_node(node, info)

        async def make(engine: EngineClient) -> str:
            return await create(engine, spec, binds)

        return make

    async def stop(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Stop; POST /containers/{id}/stop."""
        await engine.containers.stop(container, timeout=math.ceil(seconds))

    async def stop_with_signal(self, engine: EngineClient, container: str, signal: str, seconds: float) -> None:
        """Kill with the signal and wait, for engines below API 1.42 ignore the signal of a stop."""
        await stopping.stop_with_signal(engine, container, signal, seconds)

    async def pause(self, engine: EngineClient, container: str) -> None:
        """Pause; POST /containers/{id}/pause."""
        self._rights.check_pause(await engine.info())
        await engine.containers.pause(container)

    async def remove(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Remove; DELETE /containers/{id}."""
        await removal.remove(engine, container, seconds)

    async def check_health(self, engine: EngineClient, container: str) -> schema.ContainerInspect:
        """Look; podman runs the check itself; GET /containers/{id}/json."""
        return await engine.containers.inspect(container)

    async def write_to_stdin(self, engine: EngineClient, container: str, data: bytes, seconds: float) -> None:
        """Attach, and write; POST /containers/{id}/attach."""
        await stdin.write_to_stdin(engine, container, data, seconds)

    async def refuse_hidden(self, engine: EngineClient, inspect: schema.ContainerInspect, path: str) -> None:
        """Refuse what podman would write below a file system in memory, and call done."""
        await copying.refuse_hidden(engine, inspect, path)

    def logs(  # noqa: PLR0913 - the endpoint's own
        self,
        engine: EngineClient,
        container: str,
        *,
        follow: bool,
        since: datetime | None,
        until: datetime | None,
        tail: int | None,
        timestamps: bool,
    ) -> Stream[LogLine]:
        """Read a log; GET /containers/{id}/logs."""
        return read_logs(engine, container, follow=follow, since=since, until=until, tail=tail, timestamps=timestamps)

    async def listen(self, engine: EngineClient, options: EventStreamOptions) -> RawStream:
        """Listen from now on the engine's clock: podman answers before it listens; GET /events."""
        return engine.system.events(filters=event_filters(options), since=await _now(engine))

    def event(self, event: schema.Event) -> ContainerEvent | None:
        """Take podman's words."""
        return event_from_wire(event)

    async def cooc_mounts(self, engine: EngineClient) -> Sequence[Bind]:  # noqa: ARG002 - it has been asked by learn
        """Mount podman's containers directory and that of the namespaces."""
        return cooc.podman_mounts(self._info)


async def _now(engine: EngineClient) -> str:
    """Tell the time on the engine's clock, which over a unix socket is ours."""
    if engine.endpoint.scheme == "unix":
        return f"{time.time():.9f}"
    moment = datetime.fromisoformat((await engine.system.info()).system_time)
    return f"{moment.timestamp():.9f}"
