"""Wire structs: the parts of the engines' JSON that are read or written here, under the engines' own words.

Go sends `null` for empty lists and maps, hence the many `| None`; unknown fields are ignored. Requests leave out what
is at its default. None of these appear in a signature of clab_runtime.runtime.
"""

from collections.abc import Mapping, Sequence

from msgspec import UNSET, Struct, UnsetType, field

Empty = Mapping[str, str]
"""Go's `struct{}`: a set's members are the keys, the values have nothing in them."""


class Reply(Struct, rename="pascal", kw_only=True, gc=False):
    """What engines send: trees, so that the garbage collector need not look."""


class Request(Struct, rename="pascal", kw_only=True, omit_defaults=True):
    """What engines are sent."""


# ---------------------------------------------------------------- containers: inspect and list


class HealthCheckResult(Reply):
    """One run of a health check."""

    start: str = ""
    end: str = ""
    exit_code: int = 0
    output: str = ""


class Health(Reply):
    """What the health check has found so far."""

    status: str = ""
    failing_streak: int = 0
    log: Sequence[HealthCheckResult] | None = None


class ContainerState(Reply):
    """State of a container; `pid` is 0 unless it runs, times are RFC 3339."""

    status: str = ""
    running: bool = False
    paused: bool = False
    oom_killed: bool = field(name="OOMKilled", default=False)
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: str = ""
    finished_at: str = ""
    health: Health | None = None


class EndpointSettings(Reply):
    """A container's place in one network."""

    network_id: str = field(name="NetworkID", default="")
    gateway: str = ""
    ip_address: str = field(name="IPAddress", default="")
    ip_prefix_len: int = field(name="IPPrefixLen", default=0)
    ipv6_gateway: str = field(name="IPv6Gateway", default="")
    global_ipv6_address: str = field(name="GlobalIPv6Address", default="")
    global_ipv6_prefix_len: int = field(name="GlobalIPv6PrefixLen", default=0)
    mac_address: str = ""
    aliases: Sequence[str] | None = None


class NetworkSettings(Reply):
    """A container's networks, and the path of its network namespace."""

    sandbox_key: str = ""
    networks: Mapping[str, EndpointSettings] | None = None


class Mount(Reply):
    """A mount as the engine made it."""

    type: str = ""
    name: str = ""
    source: str = ""
    destination: str = ""
    mode: str = ""
    rw: bool = field(name="RW", default=True)


class ContainerConfig(Reply):
    """What a container was made to run."""

    hostname: str = ""
    image: str = ""
    tty: bool = False
    open_stdin: bool = False
    env: Sequence[str] | None = None
    cmd: Sequence[str] | None = None
    labels: Mapping[str, str] | None = None


class ContainerHostConfig(Reply):
    """How a container is tied to the host."""

    network_mode: str = ""
    auto_remove: bool = False
    tmpfs: Mapping[str, str] | None = None


class ContainerInspect(Reply):
    """GET /containers/{id}/json."""

    id: str
    name: str = ""
    image: str = ""
    hosts_path: str = ""
    restart_count: int = 0
    state: ContainerState = field(default_factory=ContainerState)
    config: ContainerConfig = field(default_factory=ContainerConfig)
    host_config: ContainerHostConfig = field(default_factory=ContainerHostConfig)
    network_settings: NetworkSettings = field(default_factory=NetworkSettings)
    mounts: Sequence[Mount] | None = None


class Port(Reply):
    """A published or exposed port."""

    ip: str = field(name="IP", default="")
    private_port: int = 0
    public_port: int = 0
    type: str = ""


class SummaryNetworkSettings(Reply):
    """The networks in a list's item."""

    networks: Mapping[str, EndpointSettings] | None = None


class ContainerSummary(Reply):
    """An item of GET /containers/json."""

    id: str
    names: Sequence[str] | None = None
    image: str = ""
    state: str = ""
    status: str = ""
    labels: Mapping[str, str] | None = None
    network_settings: SummaryNetworkSettings | None = None
    mounts: Sequence[Mount] | None = None
    ports: Sequence[Port] | None = None


# ---------------------------------------------------------------- containers: create and the rest


class RestartPolicy(Request):
    """When the engine starts a container again."""

    name: str = ""
    maximum_retry_count: int = 0


class Ulimit(Request):
    """A resource limit of the container's processes."""

    name: str = ""
    soft: int = 0
    hard: int = 0


class Device(Request):
    """A device of the host inside the container."""

    path_on_host: str = ""
    path_in_container: str = ""
    cgroup_permissions: str = ""


class PortBinding(Request):
    """Where the host listens for a container's port."""

    host_ip: str = ""
    host_port: str = ""


class HealthConfig(Request):
    """A health check; durations in nanoseconds."""

    test: Sequence[str] = ()
    interval: int = 0
    timeout: int = 0
    retries: int = 0
    start_period: int = 0


class HostConfig(Request):
    """The host side of a container to create."""

    binds: Sequence[str] = ()
    tmpfs: Mapping[str, str] = {}
    port_bindings: Mapping[str, Sequence[PortBinding]] = {}
    network_mode: str = ""
    restart_policy: RestartPolicy | None = None
    auto_remove: bool = False
    privileged: bool = False
    cap_add: Sequence[str] = ()
    sysctls: Mapping[str, str] = {}
    security_opt: Sequence[str] = ()
    masked_paths: Sequence[str] | UnsetType = UNSET
    readonly_paths: Sequence[str] | UnsetType = UNSET
    pid_mode: str = ""
    cgroupns_mode: str = ""
    cgroup_parent: str = ""
    shm_size: int = 0
    memory: int = 0
    cpu_quota: int = 0
    cpu_period: int = 0
    cpuset_cpus: str = ""
    ulimits: Sequence[Ulimit] = ()
    devices: Sequence[Device] = ()
    dns: Sequence[str] = ()
    dns_search: Sequence[str] = ()
    dns_options: Sequence[str] = ()
    extra_hosts: Sequence[str] = ()


class EndpointIPAMConfig(Request):
    """Static addresses in a network."""

    ipv4_address: str = field(name="IPv4Address", default="")
    ipv6_address: str = field(name="IPv6Address", default="")


class EndpointConfig(Request):
    """A new container's place in one network."""

    ipam_config: EndpointIPAMConfig | None = field(name="IPAMConfig", default=None)
    aliases: Sequence[str] = ()
    mac_address: str = ""
    driver_opts: Mapping[str, str] = {}


class NetworkingConfig(Request):
    """A new container's networks."""

    endpoints_config: Mapping[str, EndpointConfig] = {}


class ContainerCreate(Request):
    """The body of POST /containers/create."""

    image: str
    hostname: str = ""
    user: str = ""
    tty: bool = False
    open_stdin: bool = False
    env: Sequence[str] = ()
    cmd: Sequence[str] | UnsetType = UNSET
    entrypoint: Sequence[str] | UnsetType = UNSET
    labels: Mapping[str, str] = {}
    exposed_ports: Mapping[str, Empty] = {}
    healthcheck: HealthConfig | None = None
    mac_address: str = ""
    host_config: HostConfig = field(default_factory=HostConfig)
    networking_config: NetworkingConfig = field(default_factory=NetworkingConfig)


class Created(Reply):
    """The answer to a create: the new id, and what the engine finds odd."""

    id: str
    warnings: Sequence[str] | None = None


class WaitError(Reply):
    """Why waiting has failed."""

    message: str = ""


class WaitResult(Reply):
    """The answer to POST /containers/{id}/wait."""

    status_code: int
    error: WaitError | None = None


# ---------------------------------------------------------------- execs


class ExecCreate(Request):
    """The body of POST /containers/{id}/exec."""

    cmd: Sequence[str]
    user: str = ""
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    env: Sequence[str] = ()
    working_dir: str = ""


class ExecStart(Request, omit_defaults=False):
    """The body of POST /exec/{id}/start."""

    detach: bool = False
    tty: bool = False


class ExecInspect(Reply):
    """GET /exec/{id}/json; `pid` is the host's number of the process."""

    id: str = field(name="ID", default="")
    container_id: str = field(name="ContainerID", default="")
    running: bool = False
    exit_code: int | None = None
    pid: int = 0


# ---------------------------------------------------------------- images


class ImageGraphDriver(Reply):
    """Where the storage driver keeps an image."""

    name: str = ""
    data: Mapping[str, str] | None = None


class ImageRootFS(Reply):
    """An image's layers."""

    type: str = ""
    layers: Sequence[str] | None = None


class ImageConfigReply(Reply):
    """What an image says of the containers made of it."""

    labels: Mapping[str, str] | None = None


class ImageInspectReply(Reply):
    """GET /images/{name}/json."""

    id: str
    repo_tags: Sequence[str] | None = None
    config: ImageConfigReply | None = None
    root_fs: ImageRootFS = field(name="RootFS", default_factory=ImageRootFS)
    graph_driver: ImageGraphDriver | None = None


class ImageSummary(Reply):
    """An item of GET /images/json."""

    id: str
    repo_tags: Sequence[str] | None = None


class ProgressDetail(Struct):
    """How far a layer has come, in bytes."""

    current: int = 0
    total: int = 0


class ErrorDetail(Struct):
    """What has gone wrong inside a stream."""

    message: str = ""


class ProgressLine(Struct, rename="camel"):
    """A line of what a pull, load or import reports; `error` or `error_detail` makes it a failure."""

    status: str = ""
    id: str = ""
    stream: str = ""
    progress_detail: ProgressDetail | None = None
    error: str = ""
    error_detail: ErrorDetail | None = None

    @property
    def failure(self) -> str:
        """The engine's words if this line reports a failure, else nothing."""
        return self.error or (self.error_detail.message if self.error_detail else "")


# ---------------------------------------------------------------- networks and volumes


class IPAMPool(Request):
    """A subnet of a network, with its gateway and the range that addresses are taken from."""

    subnet: str = ""
    gateway: str = ""
    ip_range: str = field(name="IPRange", default="")


class IPAM(Request):
    """How a network's addresses are managed."""

    driver: str = ""
    config: Sequence[IPAMPool] | None = None


class NetworkCreate(Request):
    """The body of POST /networks/create; `check_duplicate` matters to Docker 20.10, which allows two of one name."""

    name: str
    check_duplicate: bool = False
    driver: str = ""
    internal: bool = False
    enable_ipv6: bool = field(name="EnableIPv6", default=False)
    ipam: IPAM = field(name="IPAM", default_factory=IPAM)
    options: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class NetworkCreated(Reply):
    """The answer to POST /networks/create."""

    id: str
    warning: str = ""


class NetworkContainer(Reply):
    """A running container in a network's inspect."""

    name: str = ""
    ipv4_address: str = field(name="IPv4Address", default="")
    ipv6_address: str = field(name="IPv6Address", default="")


class Network(Reply):
    """GET /networks/{id}, and an item of GET /networks."""

    id: str
    name: str = ""
    created: str = ""
    driver: str = ""
    enable_ipv6: bool = field(name="EnableIPv6", default=False)
    ipam: IPAM = field(name="IPAM", default_factory=IPAM)
    containers: Mapping[str, NetworkContainer] | None = None
    options: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None


class NetworkConnect(Request):
    """The body of POST /networks/{id}/connect."""

    container: str
    endpoint_config: EndpointConfig = field(default_factory=EndpointConfig)


class NetworkDisconnect(Request):
    """The body of POST /networks/{id}/disconnect."""

    container: str
    force: bool = False


class VolumeCreate(Request):
    """The body of POST /volumes/create."""

    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class Volume(Reply):
    """GET /volumes/{name}."""

    name: str
    driver: str = ""
    mountpoint: str = ""
    labels: Mapping[str, str] | None = None


class VolumeList(Reply):
    """GET /volumes."""

    volumes: Sequence[Volume] | None = None


# ---------------------------------------------------------------- system


class VersionComponent(Reply):
    """A part of the engine."""

    name: str = ""
    version: str = ""


class Version(Reply):
    """GET /version."""

    version: str = ""
    api_version: str = ""
    min_api_version: str = field(name="MinAPIVersion", default="")
    components: Sequence[VersionComponent] | None = None


class Info(Reply):
    """GET /info."""

    id: str = field(name="ID", default="")
    name: str = ""
    server_version: str = ""
    system_time: str = ""
    docker_root_dir: str = ""


class EventActor(Reply):
    """What an event happened to."""

    id: str = field(name="ID", default="")
    attributes: Mapping[str, str] | None = None


class Event(Struct):
    """A message of GET /events; `time` in seconds, `time_nano` in nanoseconds since 1970, on the engine's clock."""

    type: str = field(name="Type", default="")
    action: str = field(name="Action", default="")
    actor: EventActor = field(name="Actor", default_factory=EventActor)
    time: int = 0
    time_nano: int = field(name="timeNano", default=0)
    health_status: str = field(name="HealthStatus", default="")
