"""What an engine has of its own: the parts of a runtime that Docker and Podman do in different ways.

EngineRuntime carries out ContainerRuntime once, for both, and asks a Dialect where they differ. There are two,
in docker.py and in podman.py, which know nothing of each other.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.reference import ImageReference
from clab_runtime.engine.version import EngineInfo
from clab_runtime.host.netlink import IPInterface
from clab_runtime.models import Bind, ContainerEvent, ContainerStats, MgmtNet, NodeConfig
from clab_runtime.runtime.faults import TransientFault
from clab_runtime.runtime.glances import Glance
from clab_runtime.runtime.listing import ListedContainer, Selection
from clab_runtime.runtime.log_origin import LogOrigin
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.stats_board import StatsBoard
from clab_runtime.stream import Stream
from clab_runtime.streams.event_memory import EventHistory

Create = Callable[[EngineClient], Awaitable[str]]
"""What creates a container, and returns its id."""


class Networks(Protocol):
    """Networks as an engine has them; all are told of in Docker's words."""

    @property
    def default(self) -> str:
        """The name of the engine's own network."""
        ...

    @property
    def makes_bridge_late(self) -> bool:
        """Whether a network's bridge comes with its first container, and goes with the last."""
        ...

    def own_name(self, name: str) -> str:
        """Tell the engine's own name for the network that somebody asks for by another."""
        ...

    def check(self, mgmt: MgmtNet, info: EngineInfo | None) -> None:
        """Refuse a management network that is malformed, or that this engine can't have; without any request."""
        ...

    async def find(self, engine: EngineClient, name: str) -> schema.Network | None:
        """Return the network of exactly that name, if there is one."""
        ...

    async def list(self, engine: EngineClient) -> Sequence[schema.Network]:
        """List all networks, with their subnets."""
        ...

    def on_existing_bridge(self, mgmt: MgmtNet, addresses: Sequence[IPInterface], info: EngineInfo) -> MgmtNet:
        """Fit a network to the addresses of a bridge that is there before it, without any request."""
        ...

    async def create(self, engine: EngineClient, mgmt: MgmtNet, info: EngineInfo) -> str:
        """Create the management network and return its id.

        Raises ConflictError or ForbiddenError when its name or its subnet is taken.
        """
        ...

    async def users(self, engine: EngineClient, network: schema.Network) -> Sequence[str]:
        """Name the containers that keep a network from being removed."""
        ...

    async def remove(self, engine: EngineClient, network_id: str) -> None:
        """Remove a network. Raises ConflictError or ForbiddenError while somebody is in it."""
        ...

    def bridge(self, network: schema.Network) -> str:
        """Name the Linux bridge of a network; empty: it has none."""
        ...


class Dialect(Protocol):
    """How one kind of engine is found, and does what the kinds do differently."""

    @property
    def name(self) -> str:
        """The runtime's name, and what the engine is called in EngineInfo."""
        ...

    @property
    def timeout(self) -> float:
        """Seconds for a unary call when the configuration does not say."""
        ...

    @property
    def networks(self) -> Networks:
        """The engine's networks."""
        ...

    @property
    def start_faults(self) -> tuple[TransientFault, ...]:
        """Faults of a start that pass."""
        ...

    def check_engine(self, info: EngineInfo) -> None:
        """Refuse an engine that is too old."""
        ...

    async def learn(self, engine: EngineClient) -> None:
        """Learn once, before all else, what depends on how this engine is run."""
        ...

    def resolve(self, endpoint: str | None) -> EngineEndpoint:
        """Find the engine; None: where it usually is."""
        ...

    def name_of(self, image: str, reference: ImageReference) -> str:
        """Tell by which name the engine has an image, if it has it, that somebody calls `image`."""
        ...

    async def credentials(self, reference: ImageReference) -> RegistryCredentials | None:
        """Find what to tell the registry of an image; None for nothing. Raises CredentialsError."""
        ...

    def pull(
        self, engine: EngineClient, reference: ImageReference, credentials: RegistryCredentials | None
    ) -> Stream[schema.ProgressLine]:
        """Pull an image and report how far that is."""
        ...

    def prepare(self, node: NodeConfig, mgmt: MgmtNet, info: EngineInfo) -> Create:
        """Make ready to create a node's container; refuses what is malformed, or can't be had, without any request."""
        ...

    async def stop(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Stop a container, by force after so many seconds."""
        ...

    async def stop_with_signal(self, engine: EngineClient, container: str, signal: str, seconds: float) -> None:
        """Stop a container by a signal, by force after so many seconds."""
        ...

    async def pause(self, engine: EngineClient, container: str) -> None:
        """Hold a container's processes."""
        ...

    async def remove(self, engine: EngineClient, container: str, seconds: float) -> None:
        """Remove a container by force, with its anonymous volumes, and return when it is gone."""
        ...

    async def wait(self, engine: EngineClient, container: str) -> int:
        """Wait for a container's end and return its exit code; raise EngineProtocolError where nobody knows it."""
        ...

    @property
    def leaves_checks_alone(self) -> bool:
        """Whether health checks may be run by nobody, unless `keep_checked` does."""
        ...

    async def keep_checked(
        self, engine: EngineClient, container: str, tell: Callable[[schema.ContainerInspect], None]
    ) -> None:
        """Run a container's check whenever it is due and nobody else runs it, and tell what is seen, without end."""
        ...

    async def glances(self, engine: EngineClient) -> Sequence[Glance]:
        """List all containers in one request, with their health where it is known."""
        ...

    async def look(self, engine: EngineClient, container: str) -> Glance:
        """Look at one container exactly."""
        ...

    async def write_to_stdin(self, engine: EngineClient, container: str, data: bytes, seconds: float) -> None:
        """Hand data over to a running container's standard input."""
        ...

    async def check_destination(self, engine: EngineClient, inspect: schema.ContainerInspect, path: str) -> None:
        """Refuse a path of a container where a file can't be copied to, or would be seen by nobody."""
        ...

    def log(self, engine: EngineClient, container: str, wish: LogWish) -> LogOrigin:
        """Get at a part of a container's log."""
        ...

    @property
    def event_history(self) -> EventHistory:
        """What the engine remembers of its events."""
        ...

    async def listen(self, engine: EngineClient, since: str) -> RawStream:
        """Prepare to read the engine's events since a moment on its clock, `seconds.nanoseconds`."""
        ...

    def event_reader(self) -> Callable[[schema.Event], ContainerEvent | None]:
        """Return what puts events, which come in order, into Docker's words; it makes None of one of no interest."""
        ...

    async def list_containers(self, engine: EngineClient, selection: Selection) -> Sequence[ListedContainer]:
        """List the containers that are wanted, in every state; one that vanishes meanwhile is left out."""
        ...

    async def measure(self, engine: EngineClient, container: str) -> ContainerStats | None:
        """Measure a container, by its id; None: it does not run."""
        ...

    async def follow_stats(self, engine: EngineClient, board: StatsBoard) -> None:
        """Measure the containers of a board again and again, until all have ended."""
        ...

    async def cooc_mounts(self, engine: EngineClient) -> Sequence[Bind]:
        """Tell what a container that drives this engine needs mounted."""
        ...
