"""The process that holds an engine's namespaces and starts the engine in them: ``python3 -m tests.engines.keeper DIR``.

The command returns when the namespaces are there, and fails when they cannot be made; the keeper stays behind. It
starts the engine once, and again at every SIGUSR1 while none runs, so that a stopped or killed engine comes back to the
network, mounts and running containers it left. It adopts and reaps what the engine leaves behind, until it is killed.
``engine.pid`` is there while the engine runs, ``engine.exit`` after it ended.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from tests.engines import cgroups, daemons, linux, sandbox
from tests.engines.state import Record, write_whole

_SIGNALS = {signal.SIGUSR1, signal.SIGCHLD}


class Keeper:
    """One engine's start, end and start again."""

    def __init__(self, directory: Path, socket: Path, command: list[str]) -> None:
        self._directory = directory
        self._socket = socket
        self._command = command
        self._engine: int | None = None

    def run(self) -> None:
        self.start()
        while True:
            if signal.sigwait(_SIGNALS) == signal.SIGUSR1:
                self.start()
            else:
                self.reap()

    def start(self) -> None:
        if self._engine is not None:
            return
        for stale in (self._socket, daemons.PIDFILE, self._directory / "engine.exit"):
            stale.unlink(missing_ok=True)
        self._engine = os.posix_spawn(self._command[0], self._command, daemons.ENVIRONMENT, setsigmask=[], setsid=True)
        write_whole(self._directory / "engine.pid", str(self._engine))

    def reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self._engine:
                self._ended(os.waitstatus_to_exitcode(status))

    def _ended(self, code: int) -> None:
        print(f"keeper: the engine ended with {code}", flush=True)
        self._engine = None
        write_whole(self._directory / "engine.exit", str(code))
        (self._directory / "engine.pid").unlink()


def main(directory: Path) -> int:
    """Leave a keeper behind, orphaned; return 0 when it has its namespaces."""
    is_ready, tell_ready = os.pipe()
    if os.fork():
        os.close(tell_ready)
        return 0 if os.read(is_ready, 1) else 1
    os.close(is_ready)
    keeper = _set_up(directory)
    os.write(tell_ready, b"1")
    os.close(tell_ready)
    keeper.run()
    return 0


def _set_up(directory: Path) -> Keeper:
    record = Record.read(directory)
    engine = record.engine(directory)
    shared = daemons.netns_directory(engine.kind, directory)
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    linux.become_subreaper()
    etc = daemons.settings(engine.kind, directory)
    sandbox.enter(directory, Path(record.tree) / "root", shared, etc, cgroups.name_for(directory))
    write_whole(directory / "keeper.pid", str(os.getpid()))
    command = [*daemons.command(engine.kind, directory), *record.arguments]
    return Keeper(directory, engine.socket, command)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
