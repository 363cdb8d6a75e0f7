"""What is possible at best: blocking sockets that do nothing but read, and curl for logs."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from typing import TYPE_CHECKING

from tests.benchmarks.fixtures import FRAME_HEADER, LINE_SIZE
from tests.benchmarks.threads import in_threads

if TYPE_CHECKING:
    from tests.benchmarks.clock import Clock

_BUFFER = 256 * 1024
_END_OF_CHUNKS = b"\r\n0\r\n\r\n"


class Bare:
    """A blocking socket a thread, kept open; answers are read to their end and nothing is decoded."""

    def inspect(self, clock: Clock, container: str, calls: int, at_once: int) -> None:
        local = threading.local()
        request = _request("GET", f"/containers/{container}/json")

        def some(number: int) -> None:
            connection: socket.socket | None = getattr(local, "connection", None)
            if connection is None:
                connection = local.connection = connect()
            for _ in range(number):
                exchange(connection, request)

        in_threads(clock, some, calls, at_once)

    def logs(self, clock: Clock, container: str) -> tuple[int, int]:
        """Read a log without taking it apart; HTTP 1.0 keeps it free of chunks, so that its size can be checked."""
        size, buffer = 0, bytearray(_BUFFER)
        with clock, connect() as connection:
            connection.sendall(f"GET {_log_path(container)} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
            head = connection.recv(_BUFFER)
            size = len(head.partition(b"\r\n\r\n")[2])
            while count := connection.recv_into(buffer):
                size += count
        return _lines_in(size)

    def make_events(self, clock: Clock, container: str, count: int) -> tuple[str, str]:
        """Make the engine tell of events, the cheapest there are; return the exec ids of the first and the last."""
        request = _request("POST", f"/containers/{container}/exec", '{"Cmd":["true"]}')
        with clock, connect() as connection:
            answers = [exchange(connection, request) for _ in range(count)]
        first, last = (json.loads(answer.partition(b"\r\n\r\n")[2])["Id"] for answer in (answers[0], answers[-1]))
        return first, last


class Curl:
    """`curl --unix-socket`, its output thrown away; what it says to have received is checked."""

    def logs(self, clock: Clock, container: str) -> tuple[int, int]:
        program = shutil.which("curl") or "curl"
        command = [program, "--silent", "--show-error", "--fail", "--output", "/dev/null"]
        command += ["--write-out", "%{size_download}", "--unix-socket", socket_path()]
        command += [f"http://localhost{_log_path(container)}"]
        with clock:
            answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        return _lines_in(int(answer.stdout))


def socket_path() -> str:
    """Return the path of the engine's socket."""
    return os.environ["DOCKER_HOST"].removeprefix("unix://")


def connect() -> socket.socket:
    """Open a connection to the engine."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(socket_path())
    return connection


def exchange(connection: socket.socket, request: bytes) -> bytes:
    """Send a request and return its answer, head and chunks as they came."""
    connection.sendall(request)
    answer = connection.recv(_BUFFER)
    while not _is_complete(answer):
        more = connection.recv(_BUFFER)
        if not more:
            raise ConnectionError("the engine closed the connection")
        answer += more
    return answer


def _is_complete(answer: bytes) -> bool:
    """Tell whether an answer is there to its end; one without a length is chunked."""
    head, separator, body = answer.partition(b"\r\n\r\n")
    if not separator:
        return False
    _, named, rest = head.partition(b"Content-Length: ")
    return len(body) == int(rest.partition(b"\r\n")[0]) if named else answer.endswith(_END_OF_CHUNKS)


def _request(method: str, path: str, body: str = "") -> bytes:
    headers = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n{body}".encode()


def _lines_in(size: int) -> tuple[int, int]:
    """Work out how many lines, and bytes of lines, a log in frames has."""
    lines, rest = divmod(size, LINE_SIZE + FRAME_HEADER)
    if rest:
        raise ValueError(f"a log of {size} bytes does not consist of whole lines")
    return lines, lines * LINE_SIZE


def _log_path(container: str) -> str:
    return f"/containers/{container}/logs?stdout=1&stderr=1"
