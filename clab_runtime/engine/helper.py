"""Credential helpers: programs called `docker-credential-NAME` that keep a registry's credentials.

They are asked as the docker CLI asks them: `get` on the command line, the registry on standard input; JSON on standard
output, or no success. What a helper writes may be the secret itself, so no error quotes it.
"""

import os
import re
import signal
from contextlib import suppress
from subprocess import DEVNULL

import anyio
import msgspec

from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.processes import Process, ended
from clab_runtime.errors import CredentialsError

ANSWER_TIME = 10.0
"""Seconds that a helper may take: long enough for a token from the cloud, too short for a window nobody sees."""

MAX_ANSWER = 1024 * 1024
"""Bytes that an answer may have."""

REAP_TIME = 5.0
"""Seconds that a killed helper gets to be gone."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_NOT_FOUND = b"credentials not found in native keychain"
_TOKEN_USER = "<token>"  # noqa: S105 - the word that stands for a token


class _Answer(msgspec.Struct, rename="pascal"):
    """What a helper prints."""

    username: str = ""
    secret: str = ""


async def ask_helper(name: str, registry: str) -> RegistryCredentials | None:
    """Ask a helper for a registry's credentials; None when it has none. Raises CredentialsError."""
    program = f"docker-credential-{name}"
    if not _NAME.fullmatch(name):
        raise CredentialsError(
            registry, f"the helper's name {name!r} is none", "correct it in config.json or auth.json"
        )
    status, output = await _run(program, registry)
    if status == 0:
        return _credentials(program, registry, output)
    if output.strip() == _NOT_FOUND:
        return None
    raise CredentialsError(registry, f"{program} failed (status {status})", _advice(program, registry))


def _credentials(program: str, registry: str, output: bytes) -> RegistryCredentials:
    """Read an answer. The error is raised apart from its cause, which may hold what it could not read."""
    answer = None
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        answer = msgspec.json.decode(output, type=_Answer)
    if answer is None or not answer.secret:
        problem = f"{program} did not answer with the JSON of its protocol"
        raise CredentialsError(registry, problem, _advice(program, registry))
    if answer.username == _TOKEN_USER:
        return RegistryCredentials(registry=registry, identity_token=answer.secret)
    return RegistryCredentials(registry=registry, username=answer.username, password=answer.secret)


async def _run(program: str, registry: str) -> tuple[int, bytes]:
    """Run a helper to its end, within its time, and return its exit status and output."""
    reader, writer = os.pipe()
    try:
        try:
            process = _start(program, registry, writer)
        finally:
            os.close(writer)
        return await _wait(process, reader, program, registry)
    finally:
        os.close(reader)


def _start(program: str, registry: str, output: int) -> Process:
    """Start a helper in a process group of its own; what it is to read is in the pipe before it is there."""
    reader, writer = os.pipe()
    try:
        os.write(writer, registry.encode())  # at most 255 characters: a pipe has room for more
        os.close(writer)
        return Process([program, "get"], stdin=reader, stdout=output, stderr=DEVNULL, start_new_session=True)
    except OSError as exc:
        advice = f"see that {program} is on PATH, or take it out of config.json or auth.json"
        raise CredentialsError(registry, f"can't run {program}: {exc.strerror}", advice) from exc
    finally:
        os.close(reader)


async def _wait(process: Process, reader: int, program: str, registry: str) -> tuple[int, bytes]:
    """Read a helper's output and wait for its end; kill what is left of it, however this ends."""
    try:
        with anyio.move_on_after(ANSWER_TIME):
            output = await _read(reader)
            await ended(process)
            return process.returncode, output
        problem = f"{program} has not answered within {ANSWER_TIME:g} s"
        raise CredentialsError(registry, problem, _advice(program, registry))
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with anyio.move_on_after(REAP_TIME, shield=True):
                await ended(process)


async def _read(reader: int) -> bytes:
    """Read up to the end, or up to the limit: what is longer is no answer."""
    output = b""
    while len(output) <= MAX_ANSWER:
        await anyio.wait_readable(reader)
        piece = os.read(reader, 65536)
        if not piece:
            break
        output += piece
    return output


def _advice(program: str, registry: str) -> str:
    """Tell how to see what the helper says."""
    return f"see what `echo {registry} | {program} get` says, or log in again"
