"""The containers to measure with, made and removed over plain HTTP, not by any of the competitors."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Generator

IMAGE = "busybox:latest"
LINE_SIZE = 100
"""Bytes of a line of the logs, its end counted."""
LAB_LABEL = "containerlab"
FRAME_HEADER = 8
"""Bytes that the engine puts before each line."""

_AT_ONCE = 4
"""Containers that are made or removed at once."""
_KEYS = ("name", "longname", "kind", "type", "group", "lab-dir")

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
        with _uninterrupted(), ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._remove, self._names))

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

    def lab(self, purpose: str, running: int, created: int) -> str:
        """Make containers with labels as a lab's nodes have them, start the first ones, and return the lab's name."""
        lab = f"bench-{os.getpid()}-{purpose}"

        def create(number: int) -> str:
            labels = {LAB_LABEL: lab, **{f"clab-node-{key}": f"{key} of r{number}" for key in _KEYS}}
            return self._create(f"{purpose}-{number}", ["sleep", "1000000"], labels)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            names = list(pool.map(create, range(running + created)))
            list(pool.map(self._run, names[:running]))
        return lab

    def _start(self, purpose: str, command: list[str]) -> str:
        with _uninterrupted():
            name = self._create(purpose, command, {"clab-bench": purpose})
        self._run(name)
        return name

    def _run(self, name: str) -> None:
        self._call("POST", f"/containers/{name}/start")

    def _create(self, purpose: str, command: list[str], labels: dict[str, str]) -> str:
        name = f"clab-bench-{os.getpid()}-{purpose}"
        config: dict[str, object] = {"Image": IMAGE, "Cmd": command, "Labels": labels}
        config["HostConfig"] = {"LogConfig": {"Type": "json-file"}, "Init": False}
        self._names.append(name)
        self._call("POST", f"/containers/create?name={name}", config)
        return name

    def _remove(self, name: str) -> None:
        self._call("DELETE", f"/containers/{name}?force=1&v=1", accept=(404,))

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
