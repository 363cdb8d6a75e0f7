"""What a node's fields mean to engines that create its container."""

import re
from collections.abc import Mapping
from typing import Final

from clab_runtime.engine.reference import ImageReference

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
