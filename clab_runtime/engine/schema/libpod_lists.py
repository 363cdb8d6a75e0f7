"""Containers, as Podman's own API lists and shows them."""

from collections.abc import Sequence

from msgspec import field

from clab_runtime.engine.schema.base import Reply
from clab_runtime.engine.schema.containers import ContainerState


class LibpodContainer(Reply):
    """An item of GET /libpod/containers/json; `pid` is 0 unless it runs, `status` is its health."""

    id: str
    names: Sequence[str] | None = None
    state: str = ""
    status: str = ""
    pid: int = 0
    exit_code: int = field(name="ExitCode", default=0)


class LibpodContainerInspect(Reply):
    """GET /libpod/containers/{id}/json; its status tells `stopped`, which may start again, from `exited`."""

    id: str
    restart_count: int = 0
    state: ContainerState = field(default_factory=ContainerState)
