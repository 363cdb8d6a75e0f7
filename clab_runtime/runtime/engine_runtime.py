"""ContainerRuntime on an engine: each method maps its arguments, calls the engine, and maps what comes back.

Where Docker and Podman differ, a Dialect is asked.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from types import MappingProxyType
from typing import Unpack

import anyio
import msgspec

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.target import named
from clab_runtime.errors import (
    ContainerRuntimeError,
    NotFoundError,
    UnsupportedOperationError,
)
from clab_runtime.host.side import HostSide
from clab_runtime.models import (
    Bind,
    ContainerChange,
    ContainerEvent,
    ContainerLogLine,
    ContainerStats,
    ContainerStatus,
    EventStreamOptions,
    ExecCmd,
    ExecResult,
    GenericContainer,
    GenericFilter,
    ImageInspect,
    LogLine,
    MgmtNet,
    Node,
    NodeConfig,
    PullPolicy,
    PullProgress,
    RuntimeConfig,
    TerminalSize,
    WaitCondition,
    WaitResult,
)
from clab_runtime.models.given import check_instance
from clab_runtime.runtime import arguments, mgmt, settings
from clab_runtime.runtime.attach_session import AttachCounterpart
from clab_runtime.runtime.base import ContainerRuntime
from clab_runtime.runtime.copying import copy_file
from clab_runtime.runtime.diagnosis import log_last_output
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.engine_link import EngineLink
from clab_runtime.runtime.engine_session import EngineSession
from clab_runtime.runtime.engine_started import EngineStartedContainer
from clab_runtime.runtime.exec_session import ExecCounterpart, exec_request
from clab_runtime.runtime.execution import execute, execute_detached
from clab_runtime.runtime.faults import ride_out
from clab_runtime.runtime.health import HEALTHY, health_of
from clab_runtime.runtime.listing import checked_filters, list_all
from clab_runtime.runtime.log_wish import LogKeywords, LogWish
from clab_runtime.runtime.measuring import StatsSource, checked_names, measure_once
from clab_runtime.runtime.mgmt_host import MgmtHost
from clab_runtime.runtime.namespaces import find_link, link_namespace, namespace_path
from clab_runtime.runtime.network_reply import mgmt_from_network
from clab_runtime.runtime.options import RuntimeOption
from clab_runtime.runtime.pulling import Pulls
from clab_runtime.runtime.session import Session
from clab_runtime.runtime.sharing import find_shared
from clab_runtime.runtime.shielding import complete_or_undo
from clab_runtime.runtime.started import StartedContainer
from clab_runtime.runtime.translate import image_from_reply, status_from_state
from clab_runtime.runtime.waits import Pause
from clab_runtime.runtime.watched import may_matter
from clab_runtime.runtime.watching import WatchSource, look_for
from clab_runtime.stream import Stream
from clab_runtime.streams.lasting_log import LastingLog
from clab_runtime.streams.merged_logs import MergedLogs

CREATES_AT_ONCE = 20
"""Containers being created at once; the others wait, since a create that has begun is not interrupted."""


class EngineRuntime(ContainerRuntime):
    """Deploy labs on one engine; see ContainerRuntime for what the methods promise."""

    def __init__(self, dialect: Dialect, endpoint: str | None) -> None:
        """Use the engine at `endpoint`; None: find it as the dialect does."""
        self._dialect = dialect
        self._endpoint = endpoint
        self._config = RuntimeConfig()
        self._mgmt = MgmtNet()
        self._link: EngineLink | None = None
        self._host = HostSide()
        self._mgmt_host = MgmtHost(dialect.networks, self._host)
        self._pulls = Pulls(dialect)
        self._creating = anyio.CapacityLimiter(CREATES_AT_ONCE)
        self._faults: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._link.client if self._link else 'not initialised'}>"

    @property
    def name(self) -> str:
        return self._dialect.name

    @property
    def config(self) -> RuntimeConfig:
        return self._config

    @property
    def mgmt(self) -> MgmtNet:
        return self._mgmt

    @property
    def faults(self) -> Mapping[str, int]:
        return MappingProxyType(self._faults)

    def with_config(self, config: RuntimeConfig) -> None:
        check_instance("config", config, RuntimeConfig)
        self._config = config

    def with_mgmt_net(self, mgmt: MgmtNet) -> None:
        check_instance("mgmt", mgmt, MgmtNet)
        self._mgmt = msgspec.structs.replace(mgmt, network=self._dialect.networks.own_name(mgmt.network))

    def with_keep_mgmt_net(self) -> None:
        self._config = msgspec.structs.replace(self._config, keep_mgmt_net=True)

    @property
    def _open_link(self) -> EngineLink:
        """The link to the engine, once there is one."""
        if self._link is None:
            raise ContainerRuntimeError("this runtime has not been initialised; use open_runtime(), or await init()")
        return self._link

    @property
    def _engine(self) -> EngineClient:
        """The engine, once there is one."""
        return self._open_link.client

    @property
    def _timeout(self) -> float:
        """Seconds that a unary call may take."""
        return self._config.timeout or self._dialect.timeout

    # ------------------------------------------------------------ settings

    async def init(self, *options: RuntimeOption) -> None:
        for option in options:
            arguments.check_option(option)
            option(self)
        self._dialect.networks.check(self._mgmt, None)  # what is malformed is refused before anything is asked for
        await self.aclose()
        self._link = EngineLink(self._dialect, self._endpoint, self._timeout)
        self._mgmt = await self._link.open(self._mgmt)

    async def aclose(self) -> None:
        if self._link is not None:
            await self._link.aclose()

    async def check_connection(self) -> None:
        await self._engine.system.ping()

    def get_runtime_socket(self) -> str:
        endpoint = self._engine.endpoint
        if endpoint.scheme != "unix":
            raise UnsupportedOperationError(self.name, "", f"a socket path for the engine at {endpoint}")
        return endpoint.path

    def get_cooc_bind_mounts(self) -> Sequence[Bind]:
        return self._open_link.cooc_mounts

    # ------------------------------------------------------------ network and images

    async def create_net(self) -> None:
        info = await self._engine.info()
        networks = self._dialect.networks
        network = await mgmt.create_or_find(self._engine, networks, self._host, self._mgmt, info)
        self._mgmt = mgmt_from_network(self._mgmt, network, networks.bridge(network))
        await self._mgmt_host.open(self._engine, self._mgmt)

    async def delete_net(self) -> None:
        networks = self._dialect.networks
        if not self._config.keep_mgmt_net and await mgmt.delete(self._engine, networks, self._mgmt.network):
            await self._mgmt_host.close(self._engine, self._mgmt)

    async def pull_image(self, image: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> None:
        async with self.stream_pull(image, policy) as progress:
            async for _ in progress:
                pass

    async def inspect_image(self, image: str) -> ImageInspect:
        return image_from_reply(await self._engine.images.inspect(image))

    # ------------------------------------------------------------ a container's life

    async def create_container(self, node: NodeConfig) -> str:
        check_instance("node", node, NodeConfig)
        engine = self._engine
        info = await engine.info()
        create = self._dialect.prepare(node, self._mgmt, info)  # refuses what is malformed before any request
        if (sharing := await find_shared(engine, node)) is not node:
            create = self._dialect.prepare(sharing, self._mgmt, info)
        async with self._creating:
            return await complete_or_undo(
                lambda: create(engine), lambda made: engine.containers.remove(made, force=True, volumes=True)
            )

    async def start_container(self, container: str, node: Node) -> StartedContainer:
        arguments.check_node(node)
        engine = self._engine
        long_name = node.config.long_name and settings.container_name(node.config.long_name)
        await ride_out(self._dialect.start_faults, self._faults, lambda: engine.containers.start(container))
        await self._mgmt_host.open_after_start(engine, self._mgmt, node.config, container)
        await link_namespace(engine, self._host, container, long_name)
        return EngineStartedContainer(container, self._open_link.waits)

    async def stop_container(self, container: str, signal: str | None = None) -> None:
        if signal is None:
            await self._dialect.stop(self._engine, container, self._timeout)
        else:
            await self._dialect.stop_with_signal(self._engine, container, signal, self._timeout)

    async def pause_container(self, container: str) -> None:
        await self._dialect.pause(self._engine, container)

    async def unpause_container(self, container: str) -> None:
        await self._engine.containers.unpause(container)

    async def delete_container(self, container: str) -> None:
        link = await find_link(self._engine, named(container, "container"))
        with suppress(NotFoundError):
            if self._config.graceful_shutdown:
                await self.stop_container(container)
            await self._dialect.remove(self._engine, container, self._timeout)
        self._host.unlink(link)

    # ------------------------------------------------------------ looking at containers

    async def list_containers(self, filters: Sequence[GenericFilter] = ()) -> Sequence[GenericContainer]:
        found = await list_all(self._engine, self._dialect, filters, self._mgmt.network)
        return [container.with_runtime(self) for container in found]

    async def get_container_status(self, container: str) -> ContainerStatus:
        try:
            inspect = await self._engine.containers.inspect(container)
        except NotFoundError:
            return ContainerStatus.NOT_FOUND
        return status_from_state(inspect.state.status)

    async def is_healthy(self, container: str) -> bool:
        return health_of(await self._engine.containers.inspect(container), container).status == HEALTHY

    async def get_ns_path(self, container: str) -> str:
        return await namespace_path(self._engine, container)

    async def get_hosts_path(self, container: str) -> str:
        return (await self._engine.containers.inspect(container)).hosts_path

    async def log_non_running_container_output(self, container: str) -> None:
        await log_last_output(self._engine, container)

    # ------------------------------------------------------------ inside a container

    async def exec(self, container: str, command: ExecCmd) -> ExecResult:
        return await execute(self._engine, container, command)

    async def exec_not_wait(self, container: str, command: ExecCmd) -> None:
        await execute_detached(self._engine, container, command)

    def open_exec(  # noqa: PLR0913 - the interface's own
        self,
        container: str,
        command: ExecCmd,
        *,
        tty: bool = False,
        stdin: bool = True,
        size: TerminalSize | None = None,
        user: str = "",
        env: Mapping[str, str] | None = None,
        workdir: str = "",
    ) -> Session:
        named(container, "container")
        request = exec_request(command, tty=tty, stdin=stdin, user=user, env=env or {}, workdir=workdir)
        arguments.check_size(size, tty=tty)
        engine = self._engine
        return EngineSession(engine, ExecCounterpart(engine, container, command, request, size), size)

    def attach(self, container: str, *, stdin: bool = True, size: TerminalSize | None = None) -> Session:
        named(container, "container")
        arguments.check_flag("stdin", stdin)
        arguments.check_size(size, tty=True)
        engine = self._engine
        return EngineSession(engine, AttachCounterpart(engine, self._dialect, container, stdin=stdin), size)

    async def write_to_stdin_no_wait(self, container: str, data: bytes) -> None:
        await self._dialect.write_to_stdin(self._engine, container, data, self._timeout)

    async def copy_to_container(self, container: str, destination: str, source: str) -> None:
        await copy_file(
            self._engine,
            container,
            destination,
            source,
            self._timeout,
            check_destination=self._dialect.check_destination,
        )

    # ------------------------------------------------------------ waits

    async def wait_all(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        *,
        timeout: float = math.inf,  # noqa: ASYNC109 - the interface's own
    ) -> Sequence[WaitResult]:
        return await self._open_link.waits.for_all(containers, condition, timeout)

    async def wait_any(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        *,
        timeout: float = math.inf,  # noqa: ASYNC109 - the interface's own
    ) -> WaitResult:
        return await self._open_link.waits.for_any(containers, condition, timeout)

    def bell(self, container: str) -> AbstractAsyncContextManager[Pause]:
        """Give what waits until something happens to a container, for those who look themselves."""
        return self._open_link.waits.bell(container)

    # ------------------------------------------------------------ streams

    def stream_logs(self, container: str, **options: Unpack[LogKeywords]) -> Stream[LogLine]:
        return Stream(self._log(container, LogWish(**options)))

    def merge_logs(self, containers: Iterable[str], **options: Unpack[LogKeywords]) -> Stream[ContainerLogLine]:
        wish = LogWish(**options)
        logs = [(name, self._log(name, wish.stamped())) for name in arguments.check_containers(containers)]
        return Stream(MergedLogs(logs, follow=wish.follow, timestamps=wish.timestamps))

    def _log(self, container: str, wish: LogWish) -> LastingLog:
        """Prepare to read a log."""
        return self._open_link.log(container, wish)

    def stream_pull(self, image: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> Stream[PullProgress]:
        return self._pulls.stream(self._engine, image, PullPolicy(policy))

    def stream_events(self, options: EventStreamOptions | None = None) -> Stream[ContainerEvent]:
        options = EventStreamOptions() if options is None else options
        check_instance("options", options, EventStreamOptions)
        return self._open_link.stream_events(options)

    def watch(self, filters: Sequence[GenericFilter] = ()) -> Stream[ContainerChange]:
        look_at = look_for(checked_filters(filters), self._engine, self._dialect, self)
        return Stream(WatchSource(partial(self._open_link.events.subscribe, may_matter), look_at))

    async def get_stats(self, container: str) -> ContainerStats:
        return await measure_once(self._engine, self._dialect.measure, container)

    def stream_stats(self, containers: str | Sequence[str], *, interval: float = 1.0) -> Stream[ContainerStats]:
        arguments.check_seconds("interval", interval, least=arguments.LEAST_INTERVAL)
        names = checked_names(containers)
        return Stream(StatsSource(self._engine, self._dialect.follow_stats, names, interval))
