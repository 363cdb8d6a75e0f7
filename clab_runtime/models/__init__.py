"""What users hold: nodes, networks, containers, events, log lines, images, commands; all of them values.

Models are frozen; `msgspec.structs.replace(node, image="alpine:3")` makes a changed copy. `NodeConfig` and `MgmtNet`
read and write containerlab's own words: `NodeConfig.from_json(data)`, `node.to_json()`.
"""

from clab_runtime.models import labels
from clab_runtime.models.change import ChangeKind, ContainerChange
from clab_runtime.models.config import RuntimeConfig, VerifyLinkParams
from clab_runtime.models.container import ContainerMount, ContainerStatus, GenericContainer, GenericMgmtIPs
from clab_runtime.models.event import ContainerEvent, EventAction, EventGap, EventStreamOptions, EventType, Overflow
from clab_runtime.models.exec import ExecCmd, ExecCollection, ExecResult
from clab_runtime.models.filters import GenericFilter
from clab_runtime.models.image import GraphDriver, GraphDriverData, ImageConfig, ImageInspect, RootFS
from clab_runtime.models.lab import Endpoint, EndpointlessNode, Node
from clab_runtime.models.log import LogLine, StreamName
from clab_runtime.models.mounts import Bind, Volume
from clab_runtime.models.network import MgmtNet
from clab_runtime.models.node import DNSConfig, HealthcheckConfig, NodeConfig, PullPolicy
from clab_runtime.models.ports import GenericPortBinding, PortBinding
from clab_runtime.models.pull import PullProgress
from clab_runtime.models.session import SessionOutput, TerminalSize
from clab_runtime.models.stats import ContainerStats, InterfaceStats
from clab_runtime.models.waiting import LogMatch, WaitCondition, WaitFor, WaitResult

__all__ = [
    "Bind",
    "ChangeKind",
    "ContainerChange",
    "ContainerEvent",
    "ContainerMount",
    "ContainerStats",
    "ContainerStatus",
    "DNSConfig",
    "Endpoint",
    "EndpointlessNode",
    "EventAction",
    "EventGap",
    "EventStreamOptions",
    "EventType",
    "ExecCmd",
    "ExecCollection",
    "ExecResult",
    "GenericContainer",
    "GenericFilter",
    "GenericMgmtIPs",
    "GenericPortBinding",
    "GraphDriver",
    "GraphDriverData",
    "HealthcheckConfig",
    "ImageConfig",
    "ImageInspect",
    "InterfaceStats",
    "LogLine",
    "LogMatch",
    "MgmtNet",
    "Node",
    "NodeConfig",
    "Overflow",
    "PortBinding",
    "PullPolicy",
    "PullProgress",
    "RootFS",
    "RuntimeConfig",
    "SessionOutput",
    "StreamName",
    "TerminalSize",
    "VerifyLinkParams",
    "Volume",
    "WaitCondition",
    "WaitFor",
    "WaitResult",
    "labels",
]
