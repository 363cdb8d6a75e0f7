"""Programs as users run them: in an environment that leads to an engine, and on a terminal of their own."""

import errno
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest

TIME = 60
"""Seconds that a program may take."""


def environment(endpoint: str, **more: str) -> dict[str, str]:
    """Let either runtime find the engine."""
    places = {"DOCKER_HOST": endpoint, "CONTAINER_HOST": endpoint}
    return {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | places | more


class Terminal:
    """A script on a terminal of its own."""

    def __init__(self, script: Path, endpoint: str, *arguments: str, **variables: str) -> None:
        self.output = ""
        command, environ = [sys.executable, str(script), *arguments], environment(endpoint, **variables)
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            try:
                os.execve(command[0], command, environ)
            finally:
                os._exit(127)  # never back into pytest, whose second self this is

    def read_until(self, found: Callable[[str], bool]) -> None:
        """Read the output until the predicate holds, or the program ends."""
        deadline = time.monotonic() + TIME
        while not found(self.output):
            if not select.select([self._terminal], [], [], max(deadline - time.monotonic(), 0))[0]:
                pytest.fail(f"the terminal fell silent: {self.output!r}")
            try:
                data = os.read(self._terminal, 65536)
            except OSError as exc:
                assert exc.errno == errno.EIO  # noqa: PT017 - what Linux says when the last writer has gone
                return
            self.output += data.decode()

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def resize(self, width: int, height: int) -> None:
        """Set the terminal's size; who is on it is told by a signal."""
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def is_raw(self) -> bool:
        """Tell whether the program has the keys as they are pressed."""
        return not termios.tcgetattr(self._terminal)[3] & termios.ICANON

    def wait(self) -> int:
        """Read what is left and return the exit status."""
        self.read_until(lambda _: False)
        os.close(self._terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
