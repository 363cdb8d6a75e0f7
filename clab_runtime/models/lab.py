"""What a runtime needs to know of the lab around a container."""

from collections.abc import Sequence
from typing import Protocol

from clab_runtime.models.given import GivenModel
from clab_runtime.models.node import NodeConfig


class Endpoint(Protocol):
    """An end of a link; links themselves are made elsewhere."""

    @property
    def node_name(self) -> str:
        """The short name of the node that it belongs to."""
        ...

    @property
    def interface_name(self) -> str:
        """The name of its interface in the node."""
        ...


class Node(Protocol):
    """A node of a lab: its configuration, and the ends of its links."""

    @property
    def config(self) -> NodeConfig:
        """What the node's container is made from."""
        ...

    def get_endpoints(self) -> Sequence[Endpoint]:
        """Tell the ends of links that the node has."""
        ...


class EndpointlessNode(GivenModel, frozen=True):
    """A node with a configuration and no links."""

    config: NodeConfig
    """What the node's container is made from."""

    def get_endpoints(self) -> Sequence[Endpoint]:
        """Tell that there are none."""
        return ()
