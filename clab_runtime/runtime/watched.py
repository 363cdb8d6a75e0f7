"""The containers that a watch knows, what a new look at them changes, and which events are worth a look.

Nothing here waits or asks for anything.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from msgspec import structs

from clab_runtime.models import ChangeKind, ContainerChange, ContainerEvent, EventAction, EventType, GenericContainer

_CHANGES_NOTHING: Final = frozenset(
    {
        EventAction.ATTACH,
        EventAction.COMMIT,
        EventAction.COPY,
        EventAction.DETACH,
        EventAction.EXPORT,
        EventAction.KILL,  # a signal; if it ends the container, `die` comes
        EventAction.OOM,
        EventAction.RESIZE,
        EventAction.TOP,
        EventAction.UPDATE,  # limits, and when to restart
        "archive-path",
        "extract-to-dir",
        "mount",
        "unmount",
    }
)
"""What happens to a container without a trace in a GenericContainer; so does all that is done by an exec."""

_EXEC: Final = "exec_"
_HEALTH: Mapping[str, str] = {EventAction.HEALTHY: "healthy", EventAction.UNHEALTHY: "unhealthy"}
_BRACKETS: Final = re.compile(r"\(([^()]*)\)")


class Watched:
    """The containers as they have been told of."""

    def __init__(self) -> None:
        """Know none."""
        self._known: dict[str, GenericContainer] = {}

    def __len__(self) -> int:
        return len(self._known)

    def take(self, seen: Sequence[GenericContainer], ids: Collection[str] | None = None) -> Sequence[ContainerChange]:
        """Take in what a look at these containers, or at all of them, has shown; return what is different now.

        What is gone comes first, since its name may have been taken over.
        """
        found = {container.id: container for container in seen if ids is None or container.id in ids}
        gone = [known for known in (list(self._known) if ids is None else ids) if known not in found]
        return [*self._remove(gone), *self._put(found)]

    def is_news(self, event: ContainerEvent) -> bool:
        """Tell whether an event may have changed which containers there are, or what is known of one."""
        container_id = container_of(event)
        if not container_id or event.action in _CHANGES_NOTHING or event.action.startswith(_EXEC):
            return False
        known = self._known.get(container_id)
        if known is None:
            return event.action != EventAction.DESTROY
        # Podman tells of each run of a check, whatever it has found.
        return event.action not in _HEALTH or _HEALTH[event.action] not in _lasting(known.status)

    def _remove(self, gone: Collection[str]) -> Iterator[ContainerChange]:
        """Forget containers, and tell of those that were known."""
        for container_id in gone:
            if known := self._known.pop(container_id, None):
                yield ContainerChange(kind=ChangeKind.REMOVED, container=known)

    def _put(self, found: Mapping[str, GenericContainer]) -> Iterator[ContainerChange]:
        """Note how containers are now, and tell of those that are new or different."""
        for container_id, container in found.items():
            known, self._known[container_id] = self._known.get(container_id), container
            if known is None:
                yield ContainerChange(kind=ChangeKind.ADDED, container=container)
            elif known != container and _essence(known) != _essence(container):
                yield ContainerChange(kind=ChangeKind.CHANGED, container=container)


def container_of(event: ContainerEvent) -> str:
    """Return the id of the container that an event is about; Docker has a network's guest among the attributes."""
    if event.type == EventType.CONTAINER:
        return event.actor_full_id
    return event.attributes.get("container", event.actor_full_id)


def _essence(container: GenericContainer) -> tuple[object, ...]:
    """Return what makes a container different from what it was: not its age, nor the order in which things are told.

    Docker keeps names, mounts and ports in Go's maps, which have a new order each time.
    """
    rest = structs.replace(container, names=(), status="", mounts=(), ports=())
    order = frozenset(container.names), frozenset(container.mounts), frozenset(container.ports)
    return rest, _lasting(container.status), order


def _lasting(status: str) -> Sequence[str]:
    """Return what of a text such as `Up 3 minutes (healthy)` does not age: what stands in brackets."""
    words: list[str] = _BRACKETS.findall(status)
    return words
