"""ContainerRuntime: the interface of all runtimes, each method documented here."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

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
from clab_runtime.runtime.options import RuntimeOption
from clab_runtime.runtime.session import Session
from clab_runtime.runtime.started import StartedContainer
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
    async def init(self, *options: RuntimeOption) -> None:
        """Apply the options and get in touch with the engine.

        A management network without an MTU gets that of the engine's default bridge if it is called `clab`, else 1500;
        one without a bridge learns it from the engine if the network exists. GET /_ping, GET /info, GET /networks/{id}.
        """

    @abstractmethod
    async def aclose(self) -> None:
        """Close the connections to the engine; containers and networks stay.

        What is open ends: whoever is in the middle of a stream, a session or a wait, or comes back to it, gets
        EngineConnectionError, and so does a call that lives on a stream, such as `exec`, `pull_image` and
        `copy_to_container`. Other calls that have been made go on to their end. A command that runs in a session can't
        be ended any more, of which a warning is logged: leave its session before.
        """

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
    async def start_container(self, container: str, node: Node) -> StartedContainer:
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
        """Tell whether a container's health check says healthy; GET /containers/{id}/json, GET /events.

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
    def open_exec(  # noqa: PLR0913 - the endpoint's own parameters
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
        """Run a command, as root or as `user`, in a session: with its input, its output and its end.

        POST /containers/{id}/exec, POST /exec/{id}/start, once the session is entered. `tty` gives the command a
        terminal, of this `size`; `env` and `workdir` are added to, or replace, what the container has. A session that
        is left, or cancelled, kills the command where it can, and logs a warning where not. Raises ConflictError, on
        entering, when the container does not run.
        """

    @abstractmethod
    def attach(self, container: str, *, stdin: bool = True, size: TerminalSize | None = None) -> Session:
        """Attach to a running container's own input and output in a session; POST /containers/{id}/attach.

        What the container wrote before is in its log. With `stdin` the session can send, if the container was made with
        an input, as nodes are. `size` is what its terminal is set to; without one it is left as it is. Leaving the
        session leaves the container alone; but Podman ends the input of a container without a terminal, which no node
        is, when a session with `stdin` is left. Raises ContainerExitedError, on entering, when the container does not
        run, and ConflictError when it is paused. GET /containers/{id}/json.
        """

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

    # ------------------------------------------------------------ waits

    @abstractmethod
    async def wait_all(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        *,
        timeout: float = math.inf,  # noqa: ASYNC109 - the error that it raises says what was waited for
    ) -> Sequence[WaitResult]:
        """Wait for so many seconds until all containers have come to a condition; GET /events, GET /containers/json.

        A condition is one of WaitFor, or LogMatch("login:"): a line that a container has ever written. The results
        are in the order of the containers. One that is created is waited for until it is started. EXITED is met by
        an end after which a restart policy starts the container again; other waits go on over such an end.

        The first container that can't come to it raises: ContainerExitedError, with the evidence, when it ended (or
        was removed after its end was seen); NotFoundError when there is none, or it was removed (for EXITED: without
        its end being seen); ContainerUnhealthyError when the engine calls it unhealthy, which ends waits for HEALTHY
        and for a line; InvalidValueError when HEALTHY is waited for without a health check; EngineProtocolError where
        nobody knows how it ended. WaitTimeoutError names the containers still waited for, as they were seen last.

        All waits of a runtime share one stream of events, and one list of the containers to begin with and every 15
        seconds; a few at a time are looked at one by one instead, GET /containers/{id}/json. Where Podman keeps no
        events, or the connection is lost, lists at least every half second take their place, and an engine that is
        away for a minute raises EngineConnectionError. Where nobody else runs Podman's health checks, the wait does,
        GET /libpod/containers/{id}/healthcheck.
        """

    @abstractmethod
    async def wait_any(
        self,
        containers: Sequence[str],
        condition: WaitCondition,
        *,
        timeout: float = math.inf,  # noqa: ASYNC109 - the error that it raises says what was waited for
    ) -> WaitResult:
        """Wait for so many seconds until the first of the containers has come to a condition; see `wait_all`.

        Those that can't come to it are left out; when none is left, the error of the first is raised, with the others
        as notes.
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

        It is listening once it has been entered. All streams of a runtime share one connection, which is read at once,
        be their users slow or fast; what waits for each is in a buffer of its own, and `options.overflow` says what is
        done when that is full. When the connection is lost, another one is made, and what happened meanwhile is told,
        each event once; where the engine does not know all of that any more, an EventGap stands in its place.

        Raises EngineConnectionError, or what else keeps it from listening, when it is entered; EngineConnectionError
        when the engine has been away for `options.give_up_after` seconds, or the runtime is closed; EventOverflowError
        if that was asked for; UnsupportedOperationError when Podman keeps no events.
        """

    @abstractmethod
    def watch(self, filters: Sequence[GenericFilter] = ()) -> Stream[ContainerChange]:
        """Stream the containers that all filters let pass, and then how they change; GET /events, GET /containers/json.

        First each container that is there is ADDED, then SYNCED says that these were all. From then on each is ADDED
        when it comes into the set, CHANGED when something about it is different (but its age, which `status` tells),
        and REMOVED when it goes, or the filters do not let it pass any more. Where events are missing there is a GAP,
        then what has changed by a new list, and SYNCED. Whoever applies the changes in order, by the containers' ids,
        has the set of `list_containers` whenever all is quiet: at once, or within a minute for what no event tells of,
        such as a network's address. Between two looks a container may have changed several times, and that is told
        once; so a slow consumer costs nothing. A list that fails is tried again as long as the events go on.

        Raises what `stream_events` does, EngineError of the class that fits when a list is refused, and what a list
        fails of for a minute while the engine is there.
        """

    @abstractmethod
    async def get_stats(self, container: str) -> ContainerStats:
        """Measure once what a running container uses; GET /containers/{id}/stats, GET /libpod/containers/stats.

        Its `cpu_percent` is None, since that takes two measurements: `stream_stats` has it. It takes up to two seconds
        on Dockers that wait for their next round. Raises ContainerExitedError, with the evidence, when the container
        does not run, NotFoundError when there is none, and UnsupportedOperationError on a rootless Podman without
        cgroups of version 2.
        """

    @abstractmethod
    def stream_stats(self, containers: str | Sequence[str], *, interval: float = 1.0) -> Stream[ContainerStats]:
        """Stream what running containers use, one item for each every `interval` seconds; GET /containers/{id}/stats.

        The items of all containers come in one stream, each with its container's name. Docker measures once a second at
        most, Podman is asked for all at once (GET /libpod/containers/stats), and `interval` is 0.1 or more. Who is slow
        to ask gets the latest item of each container, not every one.

        The last item of a container that ends, or is removed, has `ended` set; the others go on, and the stream is
        complete when all have ended. A lost connection costs measurements only. Raises, when it is entered,
        ContainerExitedError, with the evidence, when one does not run, and NotFoundError when there is none; later
        EngineConnectionError when no measurement has come for 60 s, and UnsupportedOperationError as `get_stats` does.
        """
