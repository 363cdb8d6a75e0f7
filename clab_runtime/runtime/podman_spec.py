"""What Podman is asked to create (for now in Docker's words)."""

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime import docker_spec


def container_request(node: NodeConfig, mgmt: MgmtNet, api: APIVersion) -> schema.ContainerCreate:
    """Ask for a node's container."""
    return docker_spec.container_request(node, mgmt, api, runtime="podman")
