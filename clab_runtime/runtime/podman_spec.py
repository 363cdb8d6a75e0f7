"""What Podman is asked to create: a node as a container.

Pure: no request is made here. What is malformed raises InvalidValueError, and what this version can't do
UnsupportedOperationError, before there is one. Every field of NodeConfig is either translated, or listed in
node_fields.NOT_TRANSLATED; a test holds that to be so. What Podman does in a way of its own where nothing is said is
told to be as on Docker.
"""

from msgspec import UNSET

from clab_runtime.engine import schema
from clab_runtime.engine.version import EngineInfo
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime import podman_limits, podman_mounts, podman_network, settings, units
from clab_runtime.runtime.attachment import attachment
from clab_runtime.runtime.node_fields import image
from clab_runtime.runtime.podman_security import security


def container_spec(
    node: NodeConfig, mgmt: MgmtNet, info: EngineInfo, *, nofile: int | None = None
) -> schema.ContainerSpec:
    """Ask for a node's container; `nofile` limits open files, None: this process's own hard limit."""
    settings.check_runtime(node.runtime, "podman")
    network = attachment(node, mgmt)
    rights = security(node, info)
    dns = podman_network.name_resolution(node, network, info)
    restart = settings.restart_policy(node.restart_policy)
    if node.auto_remove or restart is None:  # a container that is removed can't be started again
        restart = schema.RestartPolicy()
    return schema.ContainerSpec(
        name=settings.container_name(node.long_name),
        image=image(node.image),
        hostname="" if network.shares_namespace else settings.hostname(node.effective_hostname),
        user=settings.user(node.user),
        terminal=True,
        stdin=True,
        systemd="false",  # else a command called init has file systems in memory put over the image's directories
        env=settings.environment(node.env),
        command=settings.shell_words("cmd", node.cmd) or UNSET,
        entrypoint=settings.shell_words("entrypoint", node.entrypoint) or UNSET,
        labels=settings.labels(node.labels),
        healthconfig=settings.healthcheck(node.healthcheck),
        restart_policy=restart.name,
        restart_tries=restart.maximum_retry_count,
        remove=node.auto_remove,
        mounts=podman_mounts.spec_mounts(node, info),
        volumes=podman_mounts.volumes(node),
        devices=podman_mounts.devices(node),
        privileged=bool(node.privileged),
        cap_add=settings.capabilities(node.cap_add),
        no_new_privileges=rights.no_new_privileges,
        seccomp_profile_path=rights.seccomp_profile_path,
        apparmor_profile=rights.apparmor_profile,
        selinux_opts=rights.selinux_opts,
        unmask=rights.unmask,
        sysctl=settings.sysctls(node.sysctls),
        pidns=_namespace(settings.pid_mode(node.pid_mode)),
        utsns=podman_network.hostname_namespace(network),
        cgroupns=_namespace(settings.cgroupns_mode(node.cgroupns_mode)),
        netns=podman_network.network_namespace(network),
        networks=podman_network.networks(network),
        portmappings=podman_network.port_mappings(node, info),
        expose=podman_network.exposed_ports(node, info),
        dns_server=dns.servers,
        dns_search=dns.search,
        dns_option=dns.options,
        hostadd=podman_network.added_hosts(node, info),
        cgroup_parent=settings.cgroup_parent(node.cgroup_parent),
        shm_size=units.parse_size("shm-size", node.shm_size),
        resource_limits=podman_limits.resources(node),
        r_limits=podman_limits.rlimits(settings.nofile_limit() if nofile is None else nofile, info),
    )


def _namespace(mode: str) -> schema.Namespace | None:
    """Choose a namespace; empty leaves it to Podman."""
    return podman_network.shared_namespace(mode) if mode else None
