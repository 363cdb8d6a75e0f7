"""A container's namespaces, as Podman is asked for them."""

from typing import TypedDict

from clab_runtime.engine import schema
from clab_runtime.models import NodeConfig
from clab_runtime.runtime import settings
from clab_runtime.runtime.attachment import Attachment


class Namespaces(TypedDict):
    """What a request has of namespaces; None leaves one to Podman."""

    pidns: schema.Namespace | None
    cgroupns: schema.Namespace | None
    utsns: schema.Namespace | None
    netns: schema.Namespace


def namespaces(node: NodeConfig, network: Attachment) -> Namespaces:
    """Choose them; the hostname is shared with the container whose network is shared."""
    shared = _namespace(network.network_mode)
    return Namespaces(
        pidns=_if_said(settings.pid_mode(node.pid_mode)),
        cgroupns=_if_said(settings.cgroupns_mode(node.cgroupns_mode)),
        utsns=shared if network.shares_namespace else None,
        netns=schema.Namespace(nsmode="bridge") if network.place else shared,
    )


def _if_said(mode: str) -> schema.Namespace | None:
    """Choose a namespace; empty leaves it to Podman."""
    return _namespace(mode) if mode else None


def _namespace(mode: str) -> schema.Namespace:
    """Put `none`, `host`, `private` or `container:<id>` into Podman's words."""
    kind, _, container = mode.partition(":")
    return schema.Namespace(nsmode=kind, value=container)
