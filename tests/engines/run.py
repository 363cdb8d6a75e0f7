"""Run one command against a private engine that is started before and taken away after it.

A kind for a name, `docker` or `podman`, means the user's own engine if that answers, and else a private one.
Ctrl-C and SIGTERM reach the command first, so that it can clean up while the engine still answers; the engine goes down
when the command has ended, and its exit status is passed on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.engines import http, lifecycle, state
from tests.engines.specs import VARIABLES, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import FrameType

_PRIVATE: Final = {"docker": "docker-20.10", "podman": "podman-4.3"}
"""What is started for a kind."""


def run(name: str, command: Sequence[str]) -> int:
    """Run COMMAND where DOCKER_HOST or CONTAINER_HOST is an engine's; return the exit status, 128+N for signal N."""
    if address := _reachable(name):
        print(f"using the engine at {address}", file=sys.stderr, flush=True)
        os.execvpe(command[0], [*command], {**os.environ, _variable(name): address})
    return _run_on_private(_PRIVATE.get(name, name), command)


def _run_on_private(name: str, command: Sequence[str]) -> int:
    _remove_abandoned()
    place = state.base_directory() / f"run-{os.getpid()}"
    print(f"starting a private {name}", file=sys.stderr, flush=True)
    try:
        return _run_with({_variable(name): lifecycle.up(name, place).endpoint}, command)
    finally:
        lifecycle.down(place)


def _variable(name: str) -> str:
    kind: Kind = "podman" if name.startswith("podman") else "docker"
    return VARIABLES[kind]


def _reachable(name: str) -> str | None:
    """Return the address of the user's engine of a kind: where its variable says, else on a default socket.

    An address that is no local socket is taken at its word.
    """
    if name not in _PRIVATE:
        return None
    named = os.environ.get(_variable(name))
    addresses = [named] if named else [f"unix://{socket}" for socket in _default_sockets(name)]
    return next((address for address in addresses if _may_answer(address)), None)


def _may_answer(address: str) -> bool:
    return not address.startswith("unix://") or http.answers(Path(address.removeprefix("unix://")))


def _default_sockets(name: str) -> Sequence[Path]:
    if name == "docker":
        return [Path("/var/run/docker.sock")]
    if os.geteuid() == 0:
        return [Path("/run/podman/podman.sock")]
    folder = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}"
    return [Path(folder, "podman/podman.sock")]


def _run_with(variables: Mapping[str, str], command: Sequence[str]) -> int:
    children: list[subprocess.Popen[bytes]] = []

    def forward(number: int, _: FrameType | None) -> None:
        for child in children:
            child.send_signal(number)

    def wait_for_command(_: int, __: FrameType | None) -> None:
        """Leave Ctrl-C to the command: a terminal sends it to the whole process group."""

    signal.signal(signal.SIGINT, wait_for_command)
    signal.signal(signal.SIGTERM, forward)
    signal.signal(signal.SIGHUP, forward)
    children.append(subprocess.Popen(command, env={**os.environ, **variables}))
    status = children[0].wait()
    return status if status >= 0 else 128 - status


def _remove_abandoned() -> None:
    """Take away the engines of runs that were killed."""
    for place in state.known_directories():
        pid = place.name.removeprefix("run-")
        if pid != place.name and not Path("/proc", pid).exists():
            lifecycle.down(place)
