"""The labels and names by which containerlab finds its containers."""

from typing import Final

CONTAINERLAB: Final = "containerlab"
"""The lab's name; on a network: made by containerlab."""
NODE_NAME: Final = "clab-node-name"
"""The node's short name."""
LONG_NAME: Final = "clab-node-longname"
"""The node's long name."""
NODE_KIND: Final = "clab-node-kind"
"""The node's kind."""
NODE_TYPE: Final = "clab-node-type"
"""The variant of the kind."""
NODE_GROUP: Final = "clab-node-group"
"""The node's group."""
NODE_LAB_DIR: Final = "clab-node-lab-dir"
"""The node's directory on the host."""
TOPO_FILE: Final = "clab-topo-file"
"""The path of the topology file."""
NODE_MGMT_NET_BR: Final = "clab-mgmt-net-bridge"
"""The management network's bridge."""
OWNER: Final = "clab-owner"
"""The user who deployed the lab."""


def container_name(lab: str, node: str, prefix: str = "clab") -> str:
    """Name the container of a lab's node, as containerlab does."""
    return f"{prefix}-{lab}-{node}"
