"""Containers as Podman's own API is asked for them."""

from collections.abc import Mapping, Sequence

from msgspec import UNSET, UnsetType, field

from clab_runtime.engine.schema.base import LibpodRequest, Request
from clab_runtime.engine.schema.container_create import HealthConfig


class Namespace(LibpodRequest):
    """Whose namespace a container is in."""

    nsmode: str = ""
    value: str = ""


class SpecMount(LibpodRequest):
    """What of the host, or in memory, is mounted in a container."""

    destination: str
    type: str
    source: str = ""
    options: Sequence[str] = ()


class NamedVolume(Request):
    """A volume in a container; without a name it is the container's own."""

    dest: str
    name: str = ""
    options: Sequence[str] = ()


class SpecDevice(LibpodRequest):
    """A device of the host inside the container: `/dev/x:/dev/y:rwm`."""

    path: str


class PortMapping(LibpodRequest):
    """Where the host listens for a container's port; port 0 of the host leaves the choice to Podman."""

    container_port: int
    protocol: str
    host_ip: str = ""
    host_port: int = 0


class PerNetwork(LibpodRequest):
    """A new container's place in one network."""

    static_ips: Sequence[str] = ()
    static_mac: str = ""
    interface_name: str = ""
    aliases: Sequence[str] = ()


class SpecMemory(LibpodRequest):
    """Bytes of memory, and of memory and swap together."""

    limit: int
    swap: int


class SpecCPU(LibpodRequest):
    """Microseconds of CPU time in a period, and the CPUs."""

    quota: int = 0
    period: int = 0
    cpus: str = ""


class SpecPids(LibpodRequest):
    """How many processes there may be; -1 is no limit."""

    limit: int


class SpecResources(LibpodRequest):
    """What a container may use."""

    memory: SpecMemory | None = None
    cpu: SpecCPU | None = None
    pids: SpecPids | None = None


class Rlimit(LibpodRequest):
    """A resource limit of the container's processes, `nofile` or `nproc`."""

    type: str
    soft: int
    hard: int


class LibpodUpdate(LibpodRequest):
    """What is changed of a container's limits: nothing, where only its restart policy changes, by the query."""


class ContainerSpec(LibpodRequest):
    """The body of POST /libpod/containers/create."""

    name: str
    image: str
    hostname: str = ""
    user: str = ""
    terminal: bool = False
    stdin: bool = False
    systemd: str = ""
    env: Mapping[str, str] = {}
    command: Sequence[str] | UnsetType = UNSET
    entrypoint: Sequence[str] | UnsetType = UNSET
    labels: Mapping[str, str] = {}
    healthconfig: HealthConfig | None = None
    restart_policy: str = ""
    restart_tries: int = 0
    remove: bool = False
    mounts: Sequence[SpecMount] = ()
    volumes: Sequence[NamedVolume] = ()
    devices: Sequence[SpecDevice] = ()
    privileged: bool = False
    cap_add: Sequence[str] = ()
    no_new_privileges: bool = False
    seccomp_profile_path: str = ""
    apparmor_profile: str = ""
    selinux_opts: Sequence[str] = ()
    unmask: Sequence[str] = ()
    sysctl: Mapping[str, str] = {}
    pidns: Namespace | None = None
    utsns: Namespace | None = None
    cgroupns: Namespace | None = None
    netns: Namespace | None = None
    networks: Mapping[str, PerNetwork] = field(name="Networks", default_factory=dict[str, PerNetwork])
    portmappings: Sequence[PortMapping] = ()
    expose: Mapping[int, str] = {}
    dns_server: Sequence[str] = ()
    dns_search: Sequence[str] = ()
    dns_option: Sequence[str] = ()
    hostadd: Sequence[str] = ()
    cgroup_parent: str = ""
    shm_size: int = 0
    resource_limits: SpecResources | None = None
    r_limits: Sequence[Rlimit] = ()
