"""The options of `ContainerRuntime.init`: each records a setting with the runtime, by the runtime's own method."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from clab_runtime.models import MgmtNet, RuntimeConfig

if TYPE_CHECKING:
    from clab_runtime.runtime.base import ContainerRuntime

RuntimeOption = Callable[["ContainerRuntime"], None]
"""What `init` applies to a runtime before it gets in touch with the engine."""


def with_config(config: RuntimeConfig) -> RuntimeOption:
    """Make the option that records the settings."""
    return lambda runtime: runtime.with_config(config)


def with_mgmt_net(mgmt: MgmtNet) -> RuntimeOption:
    """Make the option that records the management network."""
    return lambda runtime: runtime.with_mgmt_net(mgmt)


def with_keep_mgmt_net() -> RuntimeOption:
    """Make the option that keeps the management network."""
    return lambda runtime: runtime.with_keep_mgmt_net()
