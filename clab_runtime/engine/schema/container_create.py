"""Containers as engines are asked for them, and what they answer to that."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET, UnsetType, field

from clab_runtime.engine.schema.base import Empty, Reply, Request


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


class LogDriver(Request):
    """Where a container's output is to go."""

    type: str


class HostConfig(Request):
    """The host side of a container to create."""

    log_config: LogDriver | None = None
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
