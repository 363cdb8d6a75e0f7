"""PodmanRuntime: containerlab's runtime interface on Podman."""

from collections.abc import Callable, Sequence

from msgspec import structs

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.patterns import refuse_pattern
from clab_runtime.engine.podman_auth import podman_credentials
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.reference import ImageReference
from clab_runtime.engine.resolution import resolve_podman
from clab_runtime.engine.version import LIBPOD_FLOOR, EngineInfo
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import Bind, ContainerEvent, ContainerStats, MgmtNet, NodeConfig
from clab_runtime.runtime import (
    cooc,
    podman_copying,
    podman_events,
    podman_listing,
    podman_logs,
    podman_pull,
    podman_removal,
    podman_stats,
    podman_stdin,
    podman_stopping,
    podman_waiting,
)
from clab_runtime.runtime.dialect import Create
from clab_runtime.runtime.engine_runtime import EngineRuntime
from clab_runtime.runtime.glances import Glance, podman_glances, podman_look
from clab_runtime.runtime.listing import ListedContainer, Selection
from clab_runtime.runtime.log_origin import LogOrigin
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.podman_checks import HealthChecks
from clab_runtime.runtime.podman_create import create
from clab_runtime.runtime.podman_mounts import bind_sources
from clab_runtime.runtime.podman_networks import PodmanNetworks
from clab_runtime.runtime.podman_rights import Rights, rights_of
from clab_runtime.runtime.podman_spec import container_spec
from clab_runtime.runtime.stats_board import StatsBoard
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
    event_history = podman_events.HISTORY
    leaves_checks_alone = True

    def __init__(self) -> None:
        """Begin with what is usual."""
        self._info = schema.LibpodInfo()
        self._rights = Rights()
        self._checks = HealthChecks()

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

    def name_of(self, image: str, reference: ImageReference) -> str:
        """Leave a name without a registry to Podman, which has its own idea of what it is short for."""
        return str(reference) if image.startswith(f"{reference.domain}/") else image

    async def credentials(self, reference: ImageReference) -> RegistryCredentials | None:
        """Find what podman would send."""
        return await podman_credentials(reference)

    def pull(
        self, engine: EngineClient, reference: ImageReference, credentials: RegistryCredentials | None
    ) -> Stream[schema.ProgressLine]:
        """Pull; POST /images/create."""
        return podman_pull.pull(engine, reference, credentials)

    def prepare(self, node: NodeConfig, mgmt: MgmtNet, info: EngineInfo) -> Create:
        """Write the request; POST /libpod/containers/create."""
        refuse_pattern("longname", node.long_name, info)
        node = structs.replace(node, mgmt_net=self.networks.own_name(node.mgmt_net))
        spec, binds = self._rights.within(container_spec(node, mgmt, info)), bind_sources(node)
        self._rights.check_node(node, info)

        async def make(engine: EngineClient) -> str:
            return await create(engine, spec, binds)

        return make

    async def stop(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Stop for good; POST /libpod/containers/{id}/stop."""
        await podman_stopping.stop(engine, container, seconds)

    async def stop_with_signal(self, engine: EngineClient, container: str, signal: str, seconds: float) -> None:
        """Kill with the signal and wait, for podman ignores the signal of a stop."""
        await podman_stopping.stop_with_signal(engine, container, signal, seconds)

    async def pause(self, engine: EngineClient, container: str) -> None:
        """Pause; POST /containers/{id}/pause."""
        self._rights.check_pause(await engine.info())
        await engine.containers.pause(container)

    async def remove(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Remove; DELETE /libpod/containers/{id}."""
        await podman_removal.remove(engine, container, seconds)

    async def wait(self, engine: EngineClient, container: str) -> int:
        """Wait; POST /libpod/containers/{id}/wait."""
        return await podman_waiting.wait(engine, container)

    async def keep_checked(
        self, engine: EngineClient, container: str, tell: Callable[[schema.ContainerInspect], None]
    ) -> None:
        """Run a check that nobody else runs; GET /libpod/containers/{id}/healthcheck."""
        await self._checks.keep_up(engine, container, tell)

    async def glances(self, engine: EngineClient) -> Sequence[Glance]:
        """List; GET /libpod/containers/json."""
        return await podman_glances(engine)

    async def look(self, engine: EngineClient, container: str) -> Glance:
        """Inspect; GET /containers/{id}/json."""
        return await podman_look(engine, container)

    async def write_to_stdin(self, engine: EngineClient, container: str, data: bytes, seconds: float) -> None:
        """Attach, and write; POST /containers/{id}/attach."""
        await podman_stdin.write_to_stdin(engine, container, data, seconds)

    async def check_destination(self, engine: EngineClient, inspect: schema.ContainerInspect, path: str) -> None:
        """Refuse what podman would write where nobody sees it, or what it would make a directory for."""
        await podman_copying.check_destination(engine, inspect, path)

    def log(self, engine: EngineClient, container: str, wish: LogWish) -> LogOrigin:
        """Get at a log; GET /containers/{id}/json, GET /libpod/containers/{id}/logs."""
        return podman_logs.PodmanLogOrigin(engine, container, wish)

    async def listen(self, engine: EngineClient, since: str) -> RawStream:
        """Listen since a moment, unless there is nothing to hear; GET /events."""
        return await podman_events.listen(engine, since, self._info.host.event_logger)

    def event_reader(self) -> Callable[[schema.Event], ContainerEvent | None]:
        """Put Podman's words into Docker's."""
        return podman_events.PodmanEvents()

    async def list_containers(self, engine: EngineClient, selection: Selection) -> Sequence[ListedContainer]:
        """List twice; GET /containers/json, GET /libpod/containers/json."""
        return await podman_listing.list_containers(engine, selection)

    async def measure(self, engine: EngineClient, container: str) -> ContainerStats | None:
        """Measure; GET /libpod/containers/stats."""
        self._rights.check_stats(await engine.info())
        return await podman_stats.measure(engine, container)

    async def follow_stats(self, engine: EngineClient, board: StatsBoard) -> None:
        """Measure all by one request, as often as is wanted; GET /libpod/containers/stats."""
        self._rights.check_stats(await engine.info())
        await podman_stats.follow(engine, board)

    async def cooc_mounts(self, engine: EngineClient) -> Sequence[Bind]:  # noqa: ARG002 - it has been asked by learn
        """Mount podman's containers directory and that of the namespaces."""
        return cooc.podman_mounts(self._info)
