"""Private Docker and Podman engines for tests, the demo and benchmarks: real daemons that touch nothing of the host's.

Standard library only, so that the system's python3 runs it. From a shell: ``python3 -m tests.engines up docker-20.10``.
"""

from tests.engines.errors import EngineSetupError
from tests.engines.lifecycle import answers, down, enter_command, find, found, kill, restart, start, stop, up
from tests.engines.specs import ENGINES, EngineSpec
from tests.engines.state import Engine

__all__ = [
    "ENGINES",
    "Engine",
    "EngineSetupError",
    "EngineSpec",
    "answers",
    "down",
    "enter_command",
    "find",
    "found",
    "kill",
    "restart",
    "start",
    "stop",
    "up",
]
