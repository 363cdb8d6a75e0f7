"""How a runtime behaves."""

from typing import Final

from clab_runtime.errors import InvalidValueError
from clab_runtime.models.given import GivenModel

LONGEST_TIMEOUT: Final = 1_000_000_000
"""Seconds that an engine can count in nanoseconds, too."""


class VerifyLinkParams(GivenModel, frozen=True):
    """What is checked about links before they are made."""

    run_bridge_exists_check: bool = True
    """Whether a bridge that a link names has to exist."""


class RuntimeConfig(GivenModel, frozen=True, kw_only=True):
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
        super().__post_init__()
        if not 0 <= self.timeout <= LONGEST_TIMEOUT:
            allowed = f"give seconds, at most {LONGEST_TIMEOUT}, or 0 for the runtime's default"
            raise InvalidValueError("timeout", self.timeout, allowed)
