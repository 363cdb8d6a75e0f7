"""A node: everything that containerlab says about one container before it exists."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import field

from clab_runtime.errors import not_among
from clab_runtime.models.given import GivenModel
from clab_runtime.models.ports import GenericPortBinding, PortBinding
from clab_runtime.models.words import WordedModel


class PullPolicy(StrEnum):
    """When an image is pulled; read in upper or lower case."""

    ALWAYS = "Always"
    """Even if the engine has it."""
    NEVER = "Never"
    """Not even if the engine lacks it, which is an error then."""
    IF_NOT_PRESENT = "IfNotPresent"
    """If the engine lacks it."""

    @classmethod
    def _missing_(cls, value: object) -> "PullPolicy":
        wanted = str(value).strip().lower()
        for policy in cls:
            if policy.lower() == wanted:
                return policy
        raise not_among("image-pull-policy", value, cls)


class HealthcheckConfig(GivenModel, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """How the engine finds out whether a container is healthy; 0 leaves a number to the engine."""

    test: Sequence[str] = ()
    """The command, begun by `CMD`, `CMD-SHELL` or `NONE`."""
    interval: int = 0
    """Whole seconds between two checks."""
    timeout: int = 0
    """Whole seconds that a check may take."""
    retries: int = 0
    """Failures in a row that make a container unhealthy."""
    start_period: int = 0
    """Whole seconds after the start in which failures don't count."""


class DNSConfig(GivenModel, frozen=True, kw_only=True, omit_defaults=True):
    """How a container resolves names."""

    servers: Sequence[str] = ()
    """Addresses of name servers."""
    search: Sequence[str] = ()
    """Domains that short names are looked up in."""
    options: Sequence[str] = ()
    """Options of resolv.conf, such as `ndots:2`."""


class NodeConfig(WordedModel, frozen=True, kw_only=True, omit_defaults=True, rename="kebab"):
    """A node of a lab, in containerlab's words; unknown words are ignored.

    A field is called as its word is, with underscores, but where containerlab's word is hard to read.
    """

    short_name: str = field(default="", name="shortname")
    """The node's name in the topology."""
    long_name: str = field(default="", name="longname")
    """The container's name, `clab-<lab>-<node>`."""
    hostname: str = ""
    """The name that the container has for itself; see `effective_hostname`."""
    fqdn: str = ""
    """The fully qualified name, `<node>.<lab>.io`."""
    lab_dir: str = field(default="", name="labdir")
    """The node's directory on the host."""
    index: int = 0
    """The node's place in the topology, from 0."""
    group: str = ""
    """The group whose settings the node shares."""
    kind: str = ""
    """The kind of device, such as `linux`."""
    type: str = ""
    """The variant of the kind."""

    image: str = ""
    """The image's reference."""
    image_pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    """When the image is pulled."""
    sysctls: Mapping[str, str] = {}
    """Kernel settings of the container's namespaces."""
    user: str = ""
    """Who runs the command, `user`, `uid` or either with `:group`; empty: as the image says."""
    entrypoint: str = ""
    """The entrypoint, split as a shell does; empty: the image's."""
    cmd: str = ""
    """The command, split as a shell does; empty: the image's."""
    exec: Sequence[str] = ()
    """Commands to run in the container after its start."""
    env: Mapping[str, str] = {}
    """Environment variables."""

    binds: Sequence[str] = ()
    """Bind mounts, `src:dst[:options]`."""
    volumes: Sequence[str] = ()
    """Volumes, `name:dst[:options]`."""
    devices: Sequence[str] = ()
    """Devices of the host, `/dev/x[:/dev/y[:rwm]]`."""
    cap_add: Sequence[str] = ()
    """Capabilities to add."""
    privileged: bool | None = None
    """Whether the container may do everything; None: the word was not given."""
    cgroupns_mode: str = ""
    """The cgroup namespace: empty, `private` or `host`."""
    cgroup_parent: str = ""
    """The cgroup under which the engine makes the container's."""
    pid_mode: str = field(default="", name="pidmode")
    """The pid namespace: empty, `host` or `container:<node>`, a node of the lab or another container."""
    tmpfs: Mapping[str, str] = {}
    """File systems in memory: path -> mount options."""
    security_opts: Sequence[str] = ()
    """Security options, such as `seccomp=unconfined`."""
    shm_size: str = ""
    """The size of /dev/shm, such as `512mb` or `1GiB`."""

    port_bindings: Mapping[str, Sequence[PortBinding]] = field(default={}, name="portbindings")
    """Ports to publish: `80/tcp` -> where on the host."""
    resulting_port_bindings: Sequence[GenericPortBinding] = field(default=(), name="port-bindings")
    """Ports as the engine bound them; a result, not a wish."""
    port_set: Mapping[str, Mapping[str, object]] = field(default={}, name="portset")
    """Ports to expose: `80/tcp` -> an empty mapping."""
    network_mode: str = field(default="", name="networkmode")
    """`none`, `host`, `container:<node>`, a node of the lab or another container; else the management network."""
    mgmt_net: str = ""
    """The management network's name."""
    mgmt_intf: str = ""
    """The management interface's name in the container."""
    mgmt_ipv4_address: str = ""
    """The address on the management network, without a prefix length."""
    mgmt_ipv4_prefix_length: int = 0
    """The length in bits of the network's IPv4 prefix."""
    mgmt_ipv6_address: str = ""
    """The address on the management network, without a prefix length."""
    mgmt_ipv6_prefix_length: int = 0
    """The length in bits of the network's IPv6 prefix."""
    mgmt_ipv4_gateway: str = ""
    """The management network's IPv4 gateway."""
    mgmt_ipv6_gateway: str = ""
    """The management network's IPv6 gateway."""
    mac_address: str = ""
    """The hardware address on the management network."""

    container_id: str = field(default="", name="containerid")
    """The engine's id, once the container exists."""
    healthcheck: HealthcheckConfig | None = None
    """The health check; None: the image's."""
    aliases: Sequence[str] = ()
    """More names on the management network."""
    extra_hosts: Sequence[str] = ()
    """More lines of /etc/hosts, `name:address`."""
    labels: Mapping[str, str] = {}
    """The container's labels."""
    runtime: str = ""
    """The container runtime's name, `docker` or `podman`."""
    cpu: float = 0
    """CPU time in cores; 0: no limit."""
    cpuset: str = ""
    """The CPUs to run on, such as `0-3,7`."""
    memory: str = ""
    """The limit of memory, such as `512mb` or `1GiB`."""
    dns: DNSConfig | None = None
    """Name resolution; None: the engine's."""
    auto_remove: bool = False
    """Whether the engine removes the container when it ends."""
    restart_policy: str = ""
    """`no`, `always`, `on-failure` or `unless-stopped`."""
    startup_delay: int = 0
    """Seconds to wait before the node is created."""
    stages: Mapping[str, object] = {}
    """The stages of the deployment, as containerlab writes them."""
    extras: Mapping[str, object] = {}
    """Settings of one kind alone, as containerlab writes them."""

    @property
    def effective_hostname(self) -> str:
        """The hostname, or the short name where none is given."""
        return self.hostname or self.short_name
