"""What Podman is asked to create: a node as a container.

Pure: no request is made here. What is malformed raises InvalidValueError, and what this version can't do
UnsupportedOperationError, before there is one. Every field of NodeConfig is either translated, or listed in
node_fields.NOT_TRANSLATED; a test holds that to be so. What Podman does in a way of its own where nothing is said is
told to be as on Docker.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from msgspec import UnsetType

from clab_runtime.engine import schema
from clab_runtime.engine.version import EngineInfo
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime import node_fields, settings
from clab_runtime.runtime.attachment import attachment
from clab_runtime.runtime.podman_limits import limits
from clab_runtime.runtime.podman_mounts import mounted
from clab_runtime.runtime.podman_namespaces import namespaces
from clab_runtime.runtime.podman_network import connected
from clab_runtime.runtime.podman_security import rights


def container_spec(
    node: NodeConfig, mgmt: MgmtNet, info: EngineInfo, *, nofile: int | None = None
) -> schema.ContainerSpec:
    """Ask for a node's container; `nofile` limits open files, None: this process's own hard limit."""
    settings.check_runtime(node.runtime, "podman")
    network = attachment(node, mgmt)
    return schema.ContainerSpec(
        name=settings.container_name(node.long_name),
        image=node_fields.image(node.image),
        hostname=node_fields.hostname(node, network),
        labels=settings.labels(node.labels),
        sysctl=settings.sysctls(node.sysctls),
        **_process(node),
        **_life(node),
        **mounted(node, info),
        **rights(node, info),
        **namespaces(node, network),
        **connected(node, network, info),
        **limits(node, settings.nofile_limit() if nofile is None else nofile, info),
    )


class _Process(TypedDict):
    """What a request has of the command."""

    user: str
    terminal: bool
    stdin: bool
    systemd: str
    env: Mapping[str, str]
    command: Sequence[str] | UnsetType
    entrypoint: Sequence[str] | UnsetType


def _process(node: NodeConfig) -> _Process:
    """Say what runs, as whom and with what."""
    return _Process(
        user=settings.user(node.user),
        terminal=True,
        stdin=True,
        systemd="false",  # else a command called init has file systems in memory put over the image's directories
        env=settings.environment(node.env),
        command=node_fields.command("cmd", node.cmd),
        entrypoint=node_fields.command("entrypoint", node.entrypoint),
    )


class _Life(TypedDict):
    """What a request has of the container's health and its end."""

    healthconfig: schema.HealthConfig | None
    restart_policy: str
    restart_tries: int
    remove: bool


def _life(node: NodeConfig) -> _Life:
    """Say how the container's health is found out, and what comes after its end."""
    restart = node_fields.restart_policy(node) or schema.RestartPolicy()
    return _Life(
        healthconfig=settings.healthcheck(node.healthcheck),
        restart_policy=restart.name,
        restart_tries=restart.maximum_retry_count,
        remove=node.auto_remove,
    )
