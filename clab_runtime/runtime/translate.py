"""What engines answer, as the models that users hold; for every engine that speaks Docker's API."""

from collections.abc import Mapping, Sequence
from typing import Final

from clab_runtime.engine import schema
from clab_runtime.models import (
    ContainerEvent,
    ContainerMount,
    ContainerStatus,
    EventAction,
    EventType,
    GenericContainer,
    GenericMgmtIPs,
    GenericPortBinding,
    GraphDriver,
    GraphDriverData,
    ImageConfig,
    ImageInspect,
    RootFS,
)
from clab_runtime.models.timestamps import from_nanoseconds

SHORT_ID: Final = 12
"""Characters of an id that people read."""
_SECOND = 1_000_000_000

_STATUSES: Mapping[str, ContainerStatus] = {
    "created": ContainerStatus.CREATED,
    "configured": ContainerStatus.CREATED,
    "initialized": ContainerStatus.CREATED,
    "running": ContainerStatus.RUNNING,
    "stopping": ContainerStatus.RUNNING,
    "paused": ContainerStatus.PAUSED,
    "restarting": ContainerStatus.RESTARTING,
    "removing": ContainerStatus.REMOVING,
    "exited": ContainerStatus.STOPPED,
    "stopped": ContainerStatus.STOPPED,
    "dead": ContainerStatus.STOPPED,
}


def status_from_state(state: str) -> ContainerStatus:
    """Put an engine's word for a state into ours."""
    # A word of a newer engine: the container exists, and nothing may be done that needs it to run.
    return _STATUSES.get(state.lower(), ContainerStatus.STOPPED)


def event_from_wire(event: schema.Event) -> ContainerEvent:
    """Tell of an event that is in Docker's words."""
    time_nano = event.time_nano or event.time * _SECOND
    attributes = event.actor.attributes or {}
    return ContainerEvent(
        timestamp=from_nanoseconds(time_nano),
        time_nano=event.time_nano,
        type=EventType.CONTAINER if event.type == EventType.CONTAINER else event.type,
        action=EventAction.of(event.action),
        actor_id=event.actor.id[:SHORT_ID],
        actor_name=attributes.get("name", ""),
        actor_full_id=event.actor.id,
        attributes=attributes,
    )


def container_from_summary(summary: schema.ContainerSummary, *, pid: int, mgmt_network: str) -> GenericContainer:
    """Describe a listed container; its addresses are those on the management network, else on its first network."""
    networks = (summary.network_settings.networks if summary.network_settings else None) or {}
    name = mgmt_network if mgmt_network in networks else next(iter(networks), "")
    return GenericContainer(
        names=[name.removeprefix("/") for name in summary.names or ()],
        id=summary.id,
        short_id=summary.id[:SHORT_ID],
        image=summary.image,
        state=summary.state,
        status=summary.status,
        labels=summary.labels or {},
        pid=pid,
        network_name=name,
        network_settings=_addresses(networks[name]) if name else GenericMgmtIPs(),
        mounts=[ContainerMount(mount.source or mount.name, mount.destination) for mount in summary.mounts or ()],
        ports=_published(summary.ports or ()),
    )


def _addresses(endpoint: schema.EndpointSettings) -> GenericMgmtIPs:
    """Take the addresses of a container's place in a network."""
    return GenericMgmtIPs(
        ipv4_addr=endpoint.ip_address,
        ipv4_prefix_length=endpoint.ip_prefix_len,
        ipv4_gw=endpoint.gateway,
        ipv6_addr=endpoint.global_ipv6_address,
        ipv6_prefix_length=endpoint.global_ipv6_prefix_len,
        ipv6_gw=endpoint.ipv6_gateway,
    )


def _published(ports: Sequence[schema.Port]) -> list[GenericPortBinding]:
    """Take the ports that are on the host, each once; the others are only exposed."""
    bindings = [
        GenericPortBinding(
            host_ip=port.ip, host_port=port.public_port, container_port=port.private_port, protocol=port.type
        )
        for port in ports
        if port.public_port
    ]
    return list(dict.fromkeys(bindings))


def image_from_reply(reply: schema.ImageInspectReply) -> ImageInspect:
    """Describe an image."""
    return ImageInspect(
        id=reply.id,
        config=ImageConfig((reply.config.labels if reply.config else None) or {}),
        root_fs=RootFS(reply.root_fs.type, reply.root_fs.layers or ()),
        graph_driver=_graph_driver(reply.graph_driver or schema.ImageGraphDriver()),
    )


def _graph_driver(driver: schema.ImageGraphDriver) -> GraphDriver:
    """Take the overlay's directories; the lower ones are the layers' own."""
    data = driver.data or {}
    directories = GraphDriverData(
        upper_dir=data.get("UpperDir", ""), work_dir=data.get("WorkDir", ""), merged_dir=data.get("MergedDir", "")
    )
    return GraphDriver(driver.name, directories)
