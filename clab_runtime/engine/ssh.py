"""An engine on another machine: the system's `ssh` runs `docker system dial-stdio` there, and this talks to it."""

import os
import shlex
import socket
import tempfile
from math import ceil
from typing import IO

import anyio
from anyio import BrokenResourceError, EndOfStream
from anyio.abc import ByteStream

from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.processes import Process, ended
from clab_runtime.engine.unix import DEFAULT_MAX_BYTES, UnixStream
from clab_runtime.errors import EngineConnectionError

REAP_SECONDS = 5.0
"""How long closing waits for a killed ssh to be gone."""
EXIT_SECONDS = 2.0
"""How long an error waits for ssh's own words and status, once it has closed its output."""
_MAX_WORDS = 8192

_SOCKET_OPTION = {"docker": "--host", "podman": "--url"}


class SSHStream(ByteStream):
    """Bytes to the engine through an ssh process, which lives as long as the stream.

    If ssh ends before the engine has sent anything, `receive` and `send` raise EngineConnectionError with what it said.
    """

    def __init__(self, endpoint: EngineEndpoint, stream: UnixStream, process: Process, words: IO[bytes]) -> None:
        """Take over our end of ssh's standard input and output, the process, and the file with its standard error."""
        self._endpoint = endpoint
        self._stream = stream
        self._process = process
        self._words = words
        self._answered = False

    async def receive(self, max_bytes: int = DEFAULT_MAX_BYTES) -> bytes:
        """Return up to `max_bytes` bytes as soon as there are any."""
        try:
            data = await self._stream.receive(max_bytes)
        except (EndOfStream, BrokenResourceError) as error:
            await self._raise_early_end(error)
            raise
        self._answered = True
        return data

    async def send(self, item: bytes) -> None:
        """Send all the bytes."""
        try:
            await self._stream.send(item)
        except BrokenResourceError as error:
            await self._raise_early_end(error)
            raise

    async def send_eof(self) -> None:
        """Tell the engine that nothing more comes: ssh's standard input ends."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the stream, kill ssh and reap it; not interrupted by cancellation, and bounded by REAP_SECONDS."""
        # Killed first: an ssh whose pipe breaks before would end in its own way, and may take its time over it.
        self._process.kill()
        with anyio.move_on_after(REAP_SECONDS, shield=True):
            await self._stream.aclose()
            self._words.close()
            await ended(self._process)

    def is_readable(self) -> bool:
        """Tell whether `receive` would not wait."""
        return self._stream.is_readable()

    async def _raise_early_end(self, error: Exception) -> None:
        """Tell why ssh ended, if it ended before the engine answered."""
        if self._answered:
            return
        with anyio.move_on_after(EXIT_SECONDS):
            await ended(self._process)
        words = _last_line(self._words) or "it said nothing"
        problem = f"ssh ended before the engine answered (status {self._process.returncode}): {words}"
        raise EngineConnectionError(str(self._endpoint), problem, _advice(self._endpoint)) from error


def open_ssh(endpoint: EngineEndpoint, connect_seconds: float) -> SSHStream:
    """Start ssh; it gives up if the other machine is silent for `connect_seconds`. Raises EngineConnectionError."""
    ours, theirs = socket.socketpair()
    words = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe would block ssh when nobody reads it; the stream closes it
    try:
        process = _start(endpoint, connect_seconds, theirs, words)
    except BaseException:
        ours.close()
        words.close()
        raise
    finally:
        theirs.close()
    return SSHStream(endpoint, UnixStream(ours), process, words)


def command(endpoint: EngineEndpoint, connect_seconds: float) -> list[str]:
    """Return the command line: no terminal, no questions; what the far side's shell will read is quoted."""
    line = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={max(1, ceil(connect_seconds))}"]
    for option, value in (("-l", endpoint.user), ("-p", str(endpoint.port or "")), ("-i", endpoint.identity)):
        line += [option, value] if value else []
    far: list[str] = [endpoint.engine]
    if endpoint.path:
        far += [_SOCKET_OPTION[endpoint.engine], shlex.quote(f"unix://{endpoint.path}")]
    return [*line, "--", endpoint.host, " ".join([*far, "system", "dial-stdio"])]


def _start(endpoint: EngineEndpoint, connect_seconds: float, stdio: socket.socket, words: IO[bytes]) -> Process:
    """Run ssh with the socket as its input and output, out of reach of the terminal's Ctrl-C: we close it ourselves."""
    line = command(endpoint, connect_seconds)
    try:
        return Process(line, stdin=stdio.fileno(), stdout=stdio.fileno(), stderr=words, start_new_session=True)
    except OSError as error:
        problem = f"can't run ssh: {error.strerror}"
        raise EngineConnectionError(
            str(endpoint), problem, "install an OpenSSH client and see that it is on PATH"
        ) from error


def _last_line(words: IO[bytes]) -> str:
    """Return the last line that is not blank of what ssh said."""
    size = os.fstat(words.fileno()).st_size
    # ssh writes through the same file position as ours: read without moving it.
    tail = os.pread(words.fileno(), _MAX_WORDS, max(0, size - _MAX_WORDS))
    lines = tail.decode(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _advice(endpoint: EngineEndpoint) -> str:
    """Tell what has to work."""
    user = f"{endpoint.user}@" if endpoint.user else ""
    port = f"-p {endpoint.port} " if endpoint.port else ""
    trial = f"`ssh {port}{user}{endpoint.host} {endpoint.engine} version`"
    return f"see that {trial} works without a question (a key in ssh-agent)"
