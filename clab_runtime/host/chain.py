"""The engine's chain for its user's own rules, and which rules in it are ours, whatever tool they are made with."""

from abc import ABC, abstractmethod
from typing import Final

CHAIN: Final = "DOCKER-USER"
"""What Docker asks first of all traffic that it forwards."""

COMMENT: Final = "set by containerlab"
"""By which containerlab, and we, know our rules again."""


class UserChain(ABC):
    """That chain for one version of IP."""

    @abstractmethod
    async def accept(self, bridge: str) -> None:
        """Let in what goes into the bridge and what comes out of it, once; raises HostError."""

    @abstractmethod
    async def forget(self, bridge: str) -> None:
        """Remove all rules of ours for that bridge; raises HostError."""
