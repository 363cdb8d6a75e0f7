"""How a runtime behaves."""

from clab_runtime.errors import InvalidValueError
from clab_runtime.models.base import Model


class VerifyLinkParams(Model, frozen=True):
    """What is checked about links before they are made."""

    run_bridge_exists_check: bool = True
    """Whether a bridge that a link names has to exist."""


class RuntimeConfig(Model, frozen=True, kw_only=True):
    """The settings of a container runtime."""

    timeout: float = 0
    """Seconds that a call may take; 0: the runtime's own default."""
    graceful_shutdown: bool = False
    """Whether a container is stopped before it is deleted."""
    debug: bool = False
    """Whether the runtime logs what it does in detail."""
    keep_mgmt_net: bool = False
    """Whether the management network outlives the lab."""
    verify_link_params: VerifyLinkParams = VerifyLinkParams()
    """What is checked about links."""

    def __post_init__(self) -> None:
        if not self.timeout >= 0:
            raise InvalidValueError("timeout", self.timeout, "give seconds, 0 for the runtime's default")
