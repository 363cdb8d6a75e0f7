"""Running the system's own tools, within bounds."""

import os
import shutil
import subprocess

import anyio

from clab_runtime.host.problems import HostError, MissingToolError

TOOL_TIME = 10.0
"""Seconds that a tool may take."""

_ADMIN_PATH = ":/usr/sbin:/sbin"
"""Where the tools are, also for users whose PATH lacks it."""


async def run_tool(name: str, *arguments: str, stdin: bytes = b"") -> bytes:
    """Run a tool and return its output; raises HostError with the tool's own words when it fails or takes too long."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + _ADMIN_PATH)
    if path is None:
        raise MissingToolError(f"{name} is not installed")
    environment = {**os.environ, "LC_ALL": "C"}
    with anyio.move_on_after(TOOL_TIME):
        try:
            result = await anyio.run_process([path, *arguments], input=stdin, check=False, env=environment)
        except OSError as exc:
            raise HostError(f"{name}: {exc}") from exc
        return _checked(name, result)
    raise HostError(f"{name} has not ended after {TOOL_TIME:g} s")


def _checked(name: str, result: subprocess.CompletedProcess[bytes]) -> bytes:
    """Return the output of a tool that did what it was to do."""
    if result.returncode != 0:
        words = " ".join(result.stderr.decode(errors="replace").split())
        raise HostError(f"{name}: {words or f'exit code {result.returncode}'}")
    return result.stdout
