"""What a node's fields mean to engines that create its container."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import UNSET, UnsetType

from clab_runtime.engine import schema
from clab_runtime.engine.reference import ImageReference
from clab_runtime.models import NodeConfig
from clab_runtime.runtime import settings
from clab_runtime.runtime.attachment import Attachment

NOT_TRANSLATED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("fqdn", "lab_dir", "index", "group", "kind", "type", "startup_delay", "stages", "extras"),
        "for whoever deploys the lab: its order, its files, its kinds of nodes",
    ),
    "image_pull_policy": "for the caller, to give to pull_image",
    "exec": "for the caller, to give to exec once the node runs",
    **dict.fromkeys(
        (
            "container_id",
            "resulting_port_bindings",
            "mgmt_ipv4_prefix_length",
            "mgmt_ipv6_prefix_length",
            "mgmt_ipv4_gateway",
            "mgmt_ipv6_gateway",
        ),
        "a result, what the engine has said of the container and its network",
    ),
}
"""Fields of NodeConfig that have no meaning in a create request, and why."""

_IMAGE_ID = re.compile(r"(sha256:)?[0-9a-f]{64}")


def image(reference: str) -> str:
    """Check the reference and send it as it was written, for that is how lists show it; an id is one too."""
    if not _IMAGE_ID.fullmatch(reference):
        ImageReference.parse(reference)
    return reference


def hostname(node: NodeConfig, network: Attachment) -> str:
    """Check the hostname; with another container's network comes that one's."""
    return "" if network.shares_namespace else settings.hostname(node.effective_hostname)


def command(field: str, text: str) -> tuple[str, ...] | UnsetType:
    """Split a command as a shell does; where nothing is said it is the image's."""
    return settings.shell_words(field, text) or UNSET


def restart_policy(node: NodeConfig) -> schema.RestartPolicy | None:
    """Read the policy; a container that is removed can't be started again, and Docker refuses the two together."""
    policy = settings.restart_policy(node.restart_policy)
    return None if node.auto_remove else policy
