"""Containers, as Podman's own API lists them."""

from msgspec import field

from clab_runtime.engine.schema.base import Reply


class LibpodContainer(Reply):
    """An item of GET /libpod/containers/json; `pid` is 0 unless it runs, `status` is its health."""

    id: str
    state: str = ""
    status: str = ""
    pid: int = 0
    exit_code: int = field(name="ExitCode", default=0)
