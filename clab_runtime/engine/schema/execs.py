"""Commands in running containers."""

from collections.abc import Sequence

from msgspec import UNSET, UnsetType, field

from clab_runtime.engine.schema.base import Reply, Request


class ExecCreate(Request):
    """The body of POST /containers/{id}/exec."""

    cmd: Sequence[str]
    user: str = ""
    tty: bool = False
    attach_stdin: bool = False
    attach_stdout: bool = False
    attach_stderr: bool = False
    env: Sequence[str] = ()
    working_dir: str = ""
    detach_keys: str = ""


class ExecStart(Request, omit_defaults=False):
    """The body of POST /exec/{id}/start; `console_size` is (rows, columns), Podman's words for them `h` and `w`."""

    detach: bool = False
    tty: bool = False
    console_size: tuple[int, int] | UnsetType = UNSET
    height: int | UnsetType = field(name="h", default=UNSET)
    width: int | UnsetType = field(name="w", default=UNSET)


class ExecInspect(Reply):
    """GET /exec/{id}/json; `pid` is the host's number of the process, `can_remove` Podman's word for an end."""

    id: str = field(name="ID", default="")
    container_id: str = field(name="ContainerID", default="")
    running: bool = False
    can_remove: bool = False
    exit_code: int | None = None
    pid: int = 0
