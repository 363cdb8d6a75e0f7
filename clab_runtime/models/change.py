"""How the set of containers changes, as `watch` tells it."""

from enum import StrEnum

from clab_runtime.models.base import Model
from clab_runtime.models.container import GenericContainer
from clab_runtime.models.event import EventGap


class ChangeKind(StrEnum):
    """What a change is."""

    ADDED = "added"
    """The container is in the set now."""
    CHANGED = "changed"
    """The container is in the set as before, and something about it is different."""
    REMOVED = "removed"
    """The container is not in the set any more: it is gone, or the filters do not let it pass any more."""
    SYNCED = "synced"
    """All that was there when listening began, or after a gap, has been told: the set is that of `list_containers`."""
    GAP = "gap"
    """Events are missing; the containers are listed anew, and SYNCED follows what has changed by that."""


class ContainerChange(Model, frozen=True, kw_only=True, omit_defaults=True):
    """One change of the set of containers that is watched."""

    kind: ChangeKind
    """What it is."""
    container: GenericContainer | None = None
    """The container as it is now; for REMOVED as it was last; None for SYNCED and GAP."""
    gap: EventGap | None = None
    """For GAP: since when and why events are missing."""
