"""Run one command against a private engine that is started before and taken away after it.

Ctrl-C and SIGTERM reach the command first, so that it can clean up while the engine still answers; the engine goes down
when the command has ended, and its exit status is passed on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import lifecycle

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

_FORWARDED = (signal.SIGTERM, signal.SIGHUP)


def run(name: str, command: Sequence[str]) -> int:
    """Run COMMAND with DOCKER_HOST set to an engine of its own and return the exit status, 128+N for signal N."""
    with tempfile.TemporaryDirectory(prefix="clab-run-") as directory:
        place = Path(directory) / "engine"
        print(f"starting a private {name}", file=sys.stderr, flush=True)
        try:
            return _run_with(lifecycle.up(name, place).endpoint, command)
        finally:
            lifecycle.down(place)


def _run_with(endpoint: str, command: Sequence[str]) -> int:
    child = subprocess.Popen(command, env={**os.environ, "DOCKER_HOST": endpoint})

    def forward(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    # A terminal sends Ctrl-C to the whole group, the command included: wait for what it makes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in _FORWARDED:
        signal.signal(number, forward)
    status = child.wait()
    return status if status >= 0 else 128 - status
