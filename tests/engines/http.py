"""The few plain requests the harness makes to an engine, over its unix socket with the standard library."""

from __future__ import annotations

import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

from tests.engines.errors import EngineSetupError

if TYPE_CHECKING:
    from pathlib import Path

_OK = range(200, 400)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("engine", timeout=timeout)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def answers(path: Path) -> bool:
    """Tell whether an engine answers on the socket at PATH."""
    try:
        return call(path, "GET", "/_ping", timeout=5) == b"OK"
    except (OSError, http.client.HTTPException, EngineSetupError):
        return False


def call(  # noqa: PLR0913  # what a request has
    path: Path,
    method: str,
    target: str,
    body: bytes | None = None,
    timeout: float = 60,
    *,
    content_type: str = "application/x-tar",
) -> bytes:
    """Make one request and return the body of the answer; an error status is an EngineSetupError."""
    connection = _UnixConnection(path, timeout)
    try:
        connection.request(method, target, body, {"Content-Type": content_type} if body else {})
        response = connection.getresponse()
        content = response.read()
    finally:
        connection.close()
    if response.status not in _OK:
        raise EngineSetupError(f"{method} {target}: {response.status} {content.decode(errors='replace')[:500]}")
    return content


def call_json(path: Path, method: str, target: str, timeout: float = 60) -> Any:  # noqa: ANN401  # it is JSON
    """Make one request and decode the answer."""
    return json.loads(call(path, method, target, timeout=timeout))
