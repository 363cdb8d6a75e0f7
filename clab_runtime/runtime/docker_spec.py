"""What Docker is asked to create: a node as a container.

Pure: no request is made here, and what is malformed raises InvalidValueError before there is one. Every field of
NodeConfig is either translated, or listed in node_fields.NOT_TRANSLATED; a test holds that to be so.
"""

from msgspec import UNSET, UnsetType

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import UnsupportedOperationError
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime import docker_attachment, mounts, node_fields, ports, settings, units
from clab_runtime.runtime.addresses import extra_hosts
from clab_runtime.runtime.attachment import Attachment, attachment
from clab_runtime.runtime.security_options import security_options

_CGROUPNS_SINCE = APIVersion(1, 41)
_Paths = tuple[str, ...] | UnsetType


def container_request(
    node: NodeConfig,
    mgmt: MgmtNet,
    api: APIVersion,
    *,
    nofile: int | None = None,
) -> schema.ContainerCreate:
    """Ask for a node's container; its name, `node.long_name`, is checked too, though it is no part of the body.

    `nofile` limits open files, None: this process's own hard limit.
    """
    settings.container_name(node.long_name)
    settings.check_runtime(node.runtime, "docker")
    network = attachment(node, mgmt)
    return schema.ContainerCreate(
        image=node_fields.image(node.image),
        hostname=node_fields.hostname(node, network),
        user=settings.user(node.user),
        tty=True,
        open_stdin=True,
        env=tuple(f"{name}={value}" for name, value in settings.environment(node.env).items()),
        cmd=node_fields.command("cmd", node.cmd),
        entrypoint=node_fields.command("entrypoint", node.entrypoint),
        labels=settings.labels(node.labels),
        exposed_ports=ports.exposed_ports(node),
        healthcheck=settings.healthcheck(node.healthcheck),
        mac_address=docker_attachment.top_mac_address(network, api),
        host_config=_host_config(node, api, network, settings.nofile_limit() if nofile is None else nofile),
        networking_config=schema.NetworkingConfig(endpoints_config=docker_attachment.endpoints(network, api)),
    )


def _host_config(node: NodeConfig, api: APIVersion, network: Attachment, nofile: int) -> schema.HostConfig:
    """Describe the host's side."""
    quota = units.cpu_quota(node.cpu)
    dns = settings.name_resolution(node.dns)
    masked, security = _security(node)
    return schema.HostConfig(
        binds=_binds(node),
        tmpfs=mounts.tmpfs(node.tmpfs),
        devices=mounts.devices(node.devices),
        port_bindings=ports.port_bindings(node.port_bindings),
        network_mode=network.network_mode,
        restart_policy=node_fields.restart_policy(node),
        auto_remove=node.auto_remove,
        privileged=bool(node.privileged),
        cap_add=settings.capabilities(node.cap_add),
        security_opt=security,
        masked_paths=masked,
        readonly_paths=masked,
        sysctls=settings.sysctls(node.sysctls),
        pid_mode=settings.pid_mode(node.pid_mode),
        cgroupns_mode=_cgroupns_mode(node, api),
        cgroup_parent=settings.cgroup_parent(node.cgroup_parent),
        shm_size=units.parse_size("shm-size", node.shm_size),
        memory=units.memory_limit(node.memory),
        cpu_quota=quota,
        cpu_period=units.CPU_PERIOD if quota else 0,
        cpuset_cpus=settings.cpuset(node.cpuset),
        ulimits=(schema.Ulimit(name="nofile", soft=nofile, hard=nofile),),
        dns=dns.servers,
        dns_search=dns.search,
        dns_options=dns.options,
        extra_hosts=extra_hosts(node.extra_hosts),
    )


def _binds(node: NodeConfig) -> tuple[str, ...]:
    """Put binds and volumes into the engine's one list of both."""
    binds, volumes = mounts.binds_and_volumes(node)
    return tuple(str(mount) for mount in (*binds, *volumes))


def _security(node: NodeConfig) -> tuple[_Paths, tuple[str, ...]]:
    """Split the options; `systempaths` is the CLI's word for empty lists of hidden paths, and dockerd fails on it."""
    options = security_options(node.security_opts)
    others = tuple(option.text for option in options if option.name != "systempaths")
    return (UNSET if len(others) == len(options) else ()), others


def _cgroupns_mode(node: NodeConfig, api: APIVersion) -> str:
    """Choose the cgroup namespace; older engines would not read the word."""
    mode = settings.cgroupns_mode(node.cgroupns_mode)
    if mode and api < _CGROUPNS_SINCE:
        raise UnsupportedOperationError("docker", f"API {api}", f"cgroupns-mode {mode!r}")
    return mode
