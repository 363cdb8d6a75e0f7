"""Containers as engines tell of them: inspect and list."""

from collections.abc import Mapping, Sequence

from msgspec import field

from clab_runtime.engine.schema.base import Reply
from clab_runtime.engine.schema.container_create import HealthConfig, RestartPolicy

_GO_DIRECTORY = 1 << 31


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
    healthcheck: HealthConfig | None = None


class LogConfig(Reply):
    """Where a container's output goes."""

    type: str = ""


class ContainerHostConfig(Reply):
    """How a container is tied to the host."""

    log_config: LogConfig = field(default_factory=LogConfig)
    network_mode: str = ""
    auto_remove: bool = False
    restart_policy: RestartPolicy | None = None
    tmpfs: Mapping[str, str] | None = None


class ContainerInspect(Reply):
    """GET /containers/{id}/json."""

    id: str
    name: str = ""
    created: str = ""
    image: str = ""
    hosts_path: str = ""
    restart_count: int = 0
    state: ContainerState = field(default_factory=ContainerState)
    config: ContainerConfig = field(default_factory=ContainerConfig)
    host_config: ContainerHostConfig = field(default_factory=ContainerHostConfig)
    network_settings: NetworkSettings = field(default_factory=NetworkSettings)
    mounts: Sequence[Mount] | None = None


class PathStat(Reply, rename=None):
    """What stands at a path in a container; `mode` is Go's."""

    name: str = ""
    mode: int = 0
    link_target: str = field(name="linkTarget", default="")

    @property
    def is_dir(self) -> bool:
        """Whether it is a directory."""
        return bool(self.mode & _GO_DIRECTORY)


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
