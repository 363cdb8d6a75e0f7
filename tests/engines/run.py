"""Run one command against a private engine that is started before and taken away after it.

Ctrl-C and SIGTERM reach the command first, so that it can clean up while the engine still answers; the engine goes down
when the command has ended, and its exit status is passed on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import http, lifecycle, state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_DEFAULT_SOCKET = Path("/var/run/docker.sock")


def run(name: str, command: Sequence[str]) -> int:
    """Run COMMAND with DOCKER_HOST set to an engine of its own and return the exit status, 128+N for signal N."""
    _remove_abandoned()
    place = state.base_directory() / f"run-{os.getpid()}"
    print(f"starting a private {name}", file=sys.stderr, flush=True)
    try:
        return _run_with(lifecycle.up(name, place).endpoint, command)
    finally:
        lifecycle.down(place)


def reachable() -> str | None:
    """Return the address of the engine that DOCKER_HOST names, or else of the one on the default socket if it answers.

    An address that is no local socket is taken at its word.
    """
    address = os.environ.get("DOCKER_HOST") or f"unix://{_DEFAULT_SOCKET}"
    is_local = address.startswith("unix://")
    return address if not is_local or http.answers(Path(address.removeprefix("unix://"))) else None


def _run_with(endpoint: str, command: Sequence[str]) -> int:
    children: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _: FrameType | None) -> None:
        for child in children:
            child.send_signal(number)

    def wait_for_command(_: int, __: FrameType | None) -> None:
        """Leave Ctrl-C to the command: a terminal sends it to the whole process group."""

    signal.signal(signal.SIGINT, wait_for_command)
    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, forward)
    children.append(subprocess.Popen(command, env={**os.environ, "DOCKER_HOST": endpoint}))
    status = children[0].wait()
    return status if status >= 0 else 128 - status


def _remove_abandoned() -> None:
    """Take away the engines of runs that were killed."""
    for place in state.known_directories():
        pid = place.name.removeprefix("run-")
        if pid != place.name and not Path("/proc", pid).exists():
            lifecycle.down(place)
