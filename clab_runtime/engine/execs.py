"""The endpoints of commands in running containers; /containers/{id}/exec and /exec/..."""

from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.target import segment

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient
    from clab_runtime.engine.duplex import Duplex


def _path(exec_id: str, rest: str) -> str:
    """Write the path of something of an exec."""
    return f"/exec/{segment(exec_id, 'exec id')}/{rest}"


class Execs:
    """Run commands in containers."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def create(self, container: str, command: schema.ExecCreate) -> str:
        """Prepare a command in a running container and return its exec id; POST /containers/{id}/exec."""
        path = f"/containers/{segment(container, 'container')}/exec"
        return (await self._client.request("POST", path, schema.Created, json=command)).id

    async def start(self, exec_id: str, *, tty: bool = False, console_size: tuple[int, int] | None = None) -> "Duplex":
        """Start a prepared command and return its standard streams; POST /exec/{id}/start.

        Without a TTY what is received is framed (see FrameDecoder). `console_size`, the TTY's rows and columns from its
        beginning on, is ignored by engines below API 1.42.
        """
        start = schema.ExecStart(tty=tty)
        if console_size is not None:
            start.console_size = console_size
            start.height, start.width = console_size
        return await self._client.upgrade(_path(exec_id, "start"), json=start)

    async def start_detached(self, exec_id: str) -> None:
        """Start a prepared command and leave it alone; POST /exec/{id}/start."""
        await self._client.call("POST", _path(exec_id, "start"), json=schema.ExecStart(detach=True))

    async def inspect(self, exec_id: str) -> schema.ExecInspect:
        """Tell whether a command runs, and its exit code, None before its end; GET /exec/{id}/json.

        Podman says 0 all along, also before it has noted that the command runs.
        """
        found = await self._client.request("GET", _path(exec_id, "json"), schema.ExecInspect)
        if not found.can_remove and (await self._client.info()).engine == "podman":
            found.exit_code = None
        return found

    async def resize(self, exec_id: str, *, width: int, height: int) -> None:
        """Set the size of a command's TTY, in characters; POST /exec/{id}/resize."""
        await self._client.call("POST", _path(exec_id, "resize"), query={"w": width, "h": height})
