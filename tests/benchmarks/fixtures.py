"""The containers to measure with, made and removed over plain HTTP, not by any of the competitors."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Generator

IMAGE = "busybox:latest"
LINE_SIZE = 100
"""Bytes of a line of the logs, its end counted."""
FRAME_HEADER = 8
"""Bytes that the engine puts before each line."""

_WRITE_LINES = 'BEGIN {{ for (i = 0; i < {lines}; i++) printf "%08d {text}\\n", i }}'


class _UnixConnection(http.client.HTTPConnection):
    """http.client's connection over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self._path)


class Fixtures:
    """The containers of one run; all are removed at the end of the `with` block, Ctrl-C or not."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self._names: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with _uninterrupted():
            for name in self._names:
                self._call("DELETE", f"/containers/{name}?force=1&v=1", accept=(404,))

    def version(self) -> dict[str, Any]:
        """Return what the engine says about itself."""
        return self._call("GET", "/version")

    def sleeper(self, purpose: str) -> str:
        """Start a container that does nothing, and return its name."""
        return self._start(purpose, ["sleep", "1000000"])

    def writer(self, purpose: str, lines: int) -> str:
        """Let a container without a TTY write lines, wait until it has, and return its name."""
        text = "x" * (LINE_SIZE - len("12345678 \n"))
        name = self._start(purpose, ["awk", _WRITE_LINES.format(lines=lines, text=text)])
        if self._call("POST", f"/containers/{name}/wait")["StatusCode"] != 0:
            raise RuntimeError("the container that was to write a log failed")
        return name

    def _start(self, purpose: str, command: list[str]) -> str:
        name = f"clab-bench-{os.getpid()}-{purpose}"
        config: dict[str, object] = {"Image": IMAGE, "Cmd": command, "Labels": {"clab-bench": purpose}}
        config["HostConfig"] = {"LogConfig": {"Type": "json-file"}, "Init": False}
        with _uninterrupted():
            self._call("POST", f"/containers/create?name={name}", config)
            self._names.append(name)
        self._call("POST", f"/containers/{name}/start")
        return name

    def _call(self, method: str, path: str, body: object = None, accept: tuple[int, ...] = ()) -> dict[str, Any]:
        connection = _UnixConnection(self._socket_path)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, json.dumps(body) if body else None, headers)
            response = connection.getresponse()
            answer = response.read()
        finally:
            connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST and response.status not in accept:
            raise RuntimeError(f"{method} {path}: {response.status} {answer.decode(errors='replace').strip()}")
        return json.loads(answer) if answer else {}


@contextmanager
def _uninterrupted() -> Generator[None]:
    """Keep Ctrl-C and SIGTERM waiting."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
