"""ContainerRuntime: the interface of all runtimes, each method documented here; and the options of `init`."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from clab_runtime.models import (
    Bind,
    ContainerEvent,
    ContainerLogLine,
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
)
from clab_runtime.stream import Stream
from clab_runtime.streams.patience import GIVE_UP_AFTER


class ContainerRuntime(ABC):
    """Deploy the containers of a network lab on one container engine.

    Methods are coroutines, safe to run concurrently and to cancel at any moment. A container is given by its name or
    its id. Besides what a method names, each raises EngineConnectionError when the engine can't be reached, EngineError
    of the class that fits when the engine refuses, EngineProtocolError when it talks nonsense, TimeoutError when a
    unary call takes longer than `config.timeout`, and InvalidValueError, before any request, for what can't be right.
    """

    # ------------------------------------------------------------ settings

    @property
    @abstractmethod
    def name(self) -> str:
        """The runtime's name, as it is registered: `docker`, `podman`, or a third party's."""

    @property
    @abstractmethod
    def config(self) -> RuntimeConfig:
        """The settings in force."""

    @property
    @abstractmethod
    def mgmt(self) -> MgmtNet:
        """The management network; after `create_net` with what the engine chose."""

    @property
    @abstractmethod
    def faults(self) -> Mapping[str, int]:
        """How often each transient fault of the engine has been ridden out so far, by its name; a live view."""

    @abstractmethod
    def with_config(self, config: RuntimeConfig) -> None:
        """Record the settings for `init`."""

    @abstractmethod
    def with_mgmt_net(self, mgmt: MgmtNet) -> None:
        """Record the management network for `init`."""

    @abstractmethod
    def with_keep_mgmt_net(self) -> None:
        """Record that `delete_net` is to leave the management network alone."""

    @abstractmethod
    async def init(self, *options: "RuntimeOption") -> None:
        """Apply the options and get in touch with the engine.

        A management network without an MTU gets that of the engine's default bridge if it is called `clab`, else 1500;
        one without a bridge learns it from the engine if the network exists. GET /_ping, GET /info, GET /networks/{id}.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections to the engine; containers and networks stay."""

    @abstractmethod
    async def check_connection(self) -> None:
        """Raise EngineConnectionError, which says what to do, unless the engine answers; GET /_ping."""

    @abstractmethod
    def get_runtime_socket(self) -> str:
        """Return the path of the unix socket in use; raise UnsupportedOperationError when the engine is elsewhere."""

    @abstractmethod
    def get_cooc_bind_mounts(self) -> Sequence[Bind]:
        """Return what a container that drives this engine needs mounted, besides the socket.

        On Docker its containers directory and /run/netns. On Podman its containers' directory below the run root, where
        their hosts files are, and /run/netns, where their namespaces are; a user's Podman has those beside its run
        root. `init` asks where the engine keeps its data, since this is no coroutine; where a proxy refuses that, it is
        taken to be in the usual place, /var/lib/docker or /run/containers/storage.
        """

    # ------------------------------------------------------------ network and images

    @abstractmethod
    async def create_net(self) -> None:
        """Create the management network, or use the one there is; safe when two labs do it at once.

        Afterwards `mgmt` holds the bridge and the gateways. Addresses of a bridge that is there already become the
        gateways. Raises SubnetOverlapError when another network has the addresses. POST /networks/create.

        If the bridge is in this process's network namespace: switches rp_filter off for `all` and `default`, lets the
        bridge pass on LLDP (group_fwd_mask 16384), and accepts what goes in and out of it in the chain DOCKER-USER,
        unless `external_access` is False. What the process has no right to do is a warning.

        On Podman the bridge comes with the network's first container, and goes with the last: `start_container` sets
        the host up, for each bridge that comes. Netavark itself keeps nobody out; the chain is there if Docker runs
        beside it. So `external_access` False is an UnsupportedOperationError, as are `driver_opts` that Podman would
        drop. The network `bridge` is the engine's default one, which Podman calls `podman`, and so does `mgmt`.
        """

    @abstractmethod
    async def delete_net(self) -> None:
        """Delete the management network unless it is the engine's own, is kept, is not a lab's, or is in use.

        One that is gone already is no error. DELETE /networks/{id}.

        When nobody uses it any more, the accept rules of its bridge go as well, and what this runtime has changed is
        set back: the mask of a bridge that stays, and rp_filter once the engine has no lab's network left.
        """

    @abstractmethod
    async def pull_image(self, image: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> None:
        """Make an image available, as the policy says; `stream_pull` to its end, and its errors. POST /images/create.

        Has no time-out of its own.
        """

    @abstractmethod
    async def inspect_image(self, image: str) -> ImageInspect:
        """Return what the engine knows of an image; raise NotFoundError when it lacks it; GET /images/{name}/json."""

    # ------------------------------------------------------------ a container's life

    @abstractmethod
    async def create_container(self, node: NodeConfig) -> str:
        """Create a node's container without starting it, and return its id; POST /containers/create.

        `container:<node>`, as a network or pid mode, is a node of the same lab or else a container outside; GET
        /containers/json, GET /containers/{id}/json. Raises ConflictError when the name is taken, NotFoundError when the
        image or that container is missing, and UnsupportedOperationError for what this engine can't do. Cancelled, it
        leaves no container behind.
        """

    @abstractmethod
    async def start_container(self, container: str, node: Node) -> "StartedContainer":
        """Start a created container and return a handle to wait with; POST /containers/{id}/start.

        A fault that is known to pass is tried again. One that runs already is left as it is. Links
        `/run/netns/<longname>` to its network namespace, unless that is the host's own; where this can't be done, it is
        a warning.
        """

    @abstractmethod
    async def stop_container(self, container: str, signal: str | None = None) -> None:
        """Stop a container with a signal (its own, if none is given), and kill it after `config.timeout` seconds.

        A signal is a name such as `SIGINT`, `int` or `SIGRTMIN+3`, or a number. One that does not run is left as it
        is; no restart policy starts it again. POST /containers/{id}/stop, POST /containers/{id}/kill.
        """

    @abstractmethod
    async def pause_container(self, container: str) -> None:
        """Freeze a container; POST /containers/{id}/pause."""

    @abstractmethod
    async def unpause_container(self, container: str) -> None:
        """Let a frozen container go on; POST /containers/{id}/unpause."""

    @abstractmethod
    async def delete_container(self, container: str) -> None:
        """Delete a container with its anonymous volumes, after a graceful stop if `config` says so.

        One that is gone already is no error; its link in /run/netns goes all the same. DELETE /containers/{id}.
        """

    # ------------------------------------------------------------ looking at containers

    @abstractmethod
    async def list_containers(self, filters: Sequence[GenericFilter] = ()) -> Sequence[GenericContainer]:
        """List the containers that all filters let pass, in every state; GET /containers/json.

        One that vanishes meanwhile is left out.
        """

    @abstractmethod
    async def get_container_status(self, container: str) -> ContainerStatus:
        """Return a container's state, NOT_FOUND when there is none; GET /containers/{id}/json."""

    @abstractmethod
    async def is_healthy(self, container: str) -> bool:
        """Tell whether a container's health check says healthy; GET /containers/{id}/json.

        Raises InvalidValueError when it has no health check.
        """

    @abstractmethod
    async def get_ns_path(self, container: str) -> str:
        """Return the path of a running container's network namespace; GET /containers/{id}/json.

        That is `/proc/<pid>/ns/net` where the process is seen, else the engine's own file, else `/run/netns/<name>`.
        With the network of the host or of another container it is theirs; without a network (`none`) its own. Raises
        ContainerExitedError, with the last output, when it does not run, or has not been started yet, and
        ContainerRuntimeError when the namespace is on another machine.
        """

    @abstractmethod
    async def get_hosts_path(self, container: str) -> str:
        """Return the path of the file that is a container's /etc/hosts; GET /containers/{id}/json."""

    @abstractmethod
    async def log_non_running_container_output(self, container: str) -> None:
        """Log, as a warning of the logger `clab_runtime`, how a container that does not run ended and its last output.

        Nothing is logged of one that runs or is paused. GET /containers/{id}/json, GET /containers/{id}/logs.
        """

    # ------------------------------------------------------------ inside a container

    @abstractmethod
    async def exec(self, container: str, command: ExecCmd) -> ExecResult:
        """Run a command as root and wait for its end; POST /containers/{id}/exec, POST /exec/{id}/start.

        Has no time-out of its own. Cancelled, it kills the process where it can, and logs a warning where not. Raises
        ConflictError when the container does not run.
        """

    @abstractmethod
    async def exec_not_wait(self, container: str, command: ExecCmd) -> None:
        """Start a command as root and leave it alone; POST /containers/{id}/exec, POST /exec/{id}/start."""

    @abstractmethod
    async def write_to_stdin_no_wait(self, container: str, data: bytes) -> None:
        """Write to a running container's standard input, which stays open; POST /containers/{id}/attach.

        Returns when the engine has taken every byte, without waiting for what the container makes of them. Raises
        ContainerExitedError when it does not run, ConflictError when it is paused, and TimeoutError when it reads too
        little for the data to find room within `config.timeout`.
        """

    @abstractmethod
    async def copy_to_container(self, container: str, destination: str, source: str) -> None:
        """Copy a regular file of this machine to a path in a container; PUT /containers/{id}/archive.

        `destination` is the file's own absolute path; what is there is replaced, a link too, but no directory is. Mode
        and modification time are kept, the owner is root. The container need not run. The file is streamed, and each
        piece of it has `config.timeout`. Raises InvalidValueError, before any request, for a source that is missing,
        can't be read or is no regular file, SourceFileError when it changes meanwhile, NotFoundError when the
        container, or the directory in it, is missing, and UnsupportedOperationError where Docker would write below a
        tmpfs. Failed or cancelled in the middle it removes what has arrived, or logs a warning that it can't.
        """

    # ------------------------------------------------------------ streams

    @abstractmethod
    def stream_logs(  # noqa: PLR0913 - the endpoint's own parameters
        self,
        container: str,
        *,
        follow: bool = True,
        since: datetime | None = None,
        until: datetime | None = None,
        tail: int | None = None,
        timestamps: bool = False,
        follow_restarts: bool = False,
        give_up_after: float = GIVE_UP_AFTER,
    ) -> Stream[LogLine]:
        """Stream the lines that a container has written and, following, goes on to write; GET /containers/{id}/logs.

        `since` and `until` have a time zone, `tail` is a number of lines, counted when the stream is opened. A followed
        stream is complete when the container stops; with `follow_restarts` it waits for the next start, by whomever,
        and is complete when the container is removed. Podmans before 5.8 tell the time of a line in whole seconds, and
        are asked by GET /libpod/containers/{id}/logs.

        A connection that is cut, and an engine that is away for a while, are ridden out: each line comes once, and
        whole, as far as the engine still has it (a log that is rotated meanwhile has lost some). After `give_up_after`
        seconds without the engine, 0 for at once, the stream raises EngineConnectionError or EngineProtocolError. A
        container that is gone after a cut raises NotFoundError, since nobody knows its last lines; one that is gone
        after its log's regular end is just complete.
        """

    @abstractmethod
    def merge_logs(  # noqa: PLR0913 - the endpoint's own parameters
        self,
        containers: Iterable[str],
        *,
        follow: bool = True,
        since: datetime | None = None,
        until: datetime | None = None,
        tail: int | None = None,
        timestamps: bool = False,
        follow_restarts: bool = False,
        give_up_after: float = GIVE_UP_AFTER,
    ) -> Stream[ContainerLogLine]:
        """Stream the lines of many containers in the order of time, each with its container's name as given here.

        The options are those of `stream_logs`, and count for each container; each has a connection of its own. Without
        following the order is exact, as far as the engine tells the time. Following, a line waits at most 0.2 s for
        containers that are silent, and what one of them says later, such as after a cut, comes when it comes. The
        stream is complete when all logs are; the error of one is raised once all of its lines have been given.
        """

    @abstractmethod
    def stream_pull(self, image: str, policy: PullPolicy = PullPolicy.IF_NOT_PRESENT) -> Stream[PullProgress]:
        """Make an image available, as the policy says, and stream how far that is; POST /images/create.

        The last item, and no other, has the fraction 1; an image that need not be pulled gives that one alone. Who is
        slow to ask gets the latest state, not every one. Streams of one image share one pull; it ends, unfinished, when
        the last of them is closed. The registry's credentials are found as the docker CLI, or podman, does.

        Whether a registry is asked without TLS is up to the engine: Docker does so by itself on this machine, Podman if
        its registries.conf calls the registry insecure. On Podman a name without a registry is what Podman takes it
        for if it has such an image (`localhost/busybox` for `busybox`); it is pulled from docker.io on both.

        Raises NotFoundError when the registry lacks the image, or the engine does and the policy is `Never`,
        UnauthorizedError when the registry wants credentials or others, CredentialsError when they can't be had, and
        EngineStreamError when the pull fails on the way.
        """

    @abstractmethod
    def stream_events(self, options: EventStreamOptions | None = None) -> Stream[ContainerEvent]:
        """Stream what happens to containers from now on, in Docker's words; GET /events.

        It is listening once it has been entered. A lost connection raises EngineProtocolError. Raises
        UnsupportedOperationError when Podman keeps no events.
        """


class StartedContainer(ABC):
    """A handle to a container that has been started."""

    @property
    @abstractmethod
    def id(self) -> str:
        """The name or the id that it was started by."""

    @abstractmethod
    async def wait_running(self) -> None:
        """Wait, without a limit, until it runs; GET /containers/{id}/json.

        Raises ContainerExitedError, with the evidence, when it ended instead, and NotFoundError when it was removed.
        """

    @abstractmethod
    async def wait_exited(self) -> int:
        """Wait, without a limit, until it ends, and return its exit code; POST /containers/{id}/wait.

        One that is started again by its restart policy has ended, too. Raises NotFoundError when it was removed before
        the wait began; a removal meanwhile is an end.
        """

    @abstractmethod
    async def wait_healthy(self) -> None:
        """Wait, without a limit, until its health check says healthy; GET /containers/{id}/json.

        Raises ContainerUnhealthyError when the engine calls it unhealthy instead, ContainerExitedError when it ended,
        NotFoundError when it was removed, and InvalidValueError when it has no health check.
        """


RuntimeOption = Callable[[ContainerRuntime], None]
"""What `init` applies to a runtime before it gets in touch with the engine."""


def with_config(config: RuntimeConfig) -> RuntimeOption:
    """Make the option that records the settings."""
    return lambda runtime: runtime.with_config(config)


def with_mgmt_net(mgmt: MgmtNet) -> RuntimeOption:
    """Make the option that records the management network."""
    return lambda runtime: runtime.with_mgmt_net(mgmt)


def with_keep_mgmt_net() -> RuntimeOption:
    """Make the option that keeps the management network."""
    return lambda runtime: runtime.with_keep_mgmt_net()
