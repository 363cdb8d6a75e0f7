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

from tests.engines import cgroups, daemons, linux, sandbox, user
from tests.engines.state import Engine, Record, write_whole

_SIGNALS = {signal.SIGUSR1, signal.SIGCHLD}


class Keeper:
    """One engine's start, end and start again."""

    def __init__(self, engine: Engine, command: list[str]) -> None:
        self._directory = engine.directory
        self._socket = engine.socket
        self._command = command
        self._environment = daemons.environment(engine.spec, engine.directory)
        self._rootless = engine.rootless
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
        self._engine = os.fork()
        if self._engine == 0:
            self._become_engine()
        write_whole(self._directory / "engine.pid", str(self._engine))

    def _become_engine(self) -> None:
        """Run the engine in this new process."""
        try:
            os.setsid()
            signal.pthread_sigmask(signal.SIG_SETMASK, [])
            if self._rootless:
                user.become()
            os.execve(self._command[0], self._command, self._environment)
        finally:
            os._exit(127)

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
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    linux.become_subreaper()
    sandbox.enter(engine, Path(record.tree) / "root", cgroups.name_for(directory))
    write_whole(directory / "keeper.pid", str(os.getpid()))
    return Keeper(engine, [*daemons.command(engine.spec, directory), *record.arguments])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
