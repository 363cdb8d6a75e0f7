"""ssh endpoints, through a program called `ssh` that the test puts first on PATH."""
# pyright: reportPrivateUsage=false

import json
import os
import socketserver
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest
from anyio import EndOfStream

from clab_runtime.engine import ssh as module
from clab_runtime.engine.connection import Connection
from clab_runtime.engine.dial import dial, has_pending
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.processes import ended
from clab_runtime.engine.resolution import resolve_podman
from clab_runtime.engine.ssh import SSHStream, command
from clab_runtime.errors import EngineConnectionError
from tests.engine.breaking_off import what_a_reader_gets

pytestmark = pytest.mark.anyio

BRIDGE = """
import json, os, socket, sys, threading
with open(os.environ["FAKE_SSH_LOG"], "w") as log:
    json.dump({"argv": sys.argv[1:], "pid": os.getpid(), "session": os.getsid(0)}, log)
sock = socket.socket(socket.AF_UNIX)
sock.connect(os.environ["FAKE_SSH_SOCKET"])
def up():
    while data := os.read(0, 65536):
        sock.sendall(data)
    sock.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
while data := sock.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""


class FakeSSH:
    """The program, and what it wrote down."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.socket = folder / "engine.sock"
        self.log = folder / "log.json"
        (folder / "bin").mkdir()
        monkeypatch.setenv("FAKE_SSH_LOG", str(self.log))
        monkeypatch.setenv("FAKE_SSH_SOCKET", str(self.socket))
        monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
        (folder / "bridge.py").write_text(BRIDGE)
        self.script(f'exec {sys.executable} {folder / "bridge.py"} "$@"')

    def script(self, line: str) -> None:
        program = self.folder / "bin" / "ssh"
        program.write_text(f"#!/bin/sh\n{line}\n")
        program.chmod(0o755)

    @property
    def argv(self) -> list[str]:
        argv: list[str] = json.loads(self.log.read_text())["argv"]
        return argv

    @contextmanager
    def engine(self) -> Generator[None]:
        """Serve a thing that says everything back after `<`, and `end` at the end of input."""

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(ConnectionError):
                    while data := self.request.recv(65536):
                        self.request.sendall(b"<" + data)
                    self.request.sendall(b"end")

        with socketserver.ThreadingUnixStreamServer(str(self.socket), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSSH:
    return FakeSSH(tmp_path, monkeypatch)


def gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


async def open_stream(url: str = "ssh://me@far:2222") -> SSHStream:
    stream = await dial(EngineEndpoint.parse(url))
    assert isinstance(stream, SSHStream)
    return stream


async def test_bytes_go_both_ways_and_half_close_reaches_the_engine(fake: FakeSSH) -> None:
    with fake.engine():
        async with await open_stream() as stream:
            await stream.send(b"ping")
            assert await stream.receive() == b"<ping"
            assert not has_pending(stream)
            await stream.send_eof()
            assert await stream.receive() == b"end"
            with pytest.raises(EndOfStream):
                await stream.receive()
            assert has_pending(stream)
    assert fake.argv[-3:] == ["--", "far", "docker system dial-stdio"]


async def test_ssh_is_out_of_reach_of_the_terminal_s_ctrl_c(fake: FakeSSH) -> None:
    with fake.engine():
        async with await open_stream() as stream:
            await stream.send(b"x")
            await stream.receive()
            log = json.loads(fake.log.read_text())
            assert log["session"] == log["pid"]


async def test_closing_ends_and_reaps_ssh(fake: FakeSSH) -> None:
    with fake.engine():
        stream = await open_stream()
        pid = stream._process.pid
        await stream.send(b"x")
        await stream.receive()
        await stream.aclose()
        assert stream._process.returncode == -9
        assert gone(pid)
        await stream.aclose()


async def test_closing_in_a_cancelled_scope_ends_and_reaps_ssh(fake: FakeSSH) -> None:
    with fake.engine():
        stream = await open_stream()
        with anyio.move_on_after(0.2) as scope:
            try:
                await stream.receive()
            finally:
                await stream.aclose()
        assert scope.cancelled_caught
        assert gone(stream._process.pid)
        assert stream._process.returncode == -9


async def test_a_connection_over_ssh_that_is_broken_off_says_so(fake: FakeSSH) -> None:
    fake.script("exec sleep 1000")
    stream = await open_stream()
    said = await what_a_reader_gets(Connection(stream, "x"))
    assert ["this client has been closed" in words for words in said] == [True, True]
    assert gone(stream._process.pid)


async def test_closing_after_ssh_has_ended_is_fine(fake: FakeSSH) -> None:
    with fake.engine():
        stream = await open_stream()
        await stream.send_eof()
        assert await stream.receive() == b"end"
        await ended(stream._process)
        await stream.aclose()
        assert stream._process.returncode == 0


async def test_an_early_end_brings_ssh_s_last_line_and_status(fake: FakeSSH) -> None:
    fake.script("echo Warning: noise >&2; echo 'me@far: Permission denied (publickey).' >&2; echo >&2; exit 255")
    async with await open_stream() as stream:
        with pytest.raises(EngineConnectionError) as caught:
            await stream.receive()
    assert caught.value.endpoint == "ssh://me@far:2222"
    assert "status 255" in caught.value.problem
    assert caught.value.problem.endswith("me@far: Permission denied (publickey).")
    assert "`ssh -p 2222 me@far docker version`" in caught.value.advice


async def test_an_early_end_shows_on_send_too(fake: FakeSSH) -> None:
    fake.script("echo 'docker: not found' >&2; exit 127")
    async with await open_stream("ssh://far") as stream:
        await ended(stream._process)
        with pytest.raises(EngineConnectionError, match="docker: not found"):
            await stream.send(b"x")


async def test_a_silent_early_end_is_an_error_too(fake: FakeSSH) -> None:
    fake.script("exit 0")
    async with await open_stream() as stream:
        with pytest.raises(EngineConnectionError, match=r"status 0\): it said nothing"):
            await stream.receive()


async def test_ssh_that_closes_its_output_and_stays_does_not_hold_up_the_error(
    fake: FakeSSH, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXIT_SECONDS", 0.05)
    fake.script("exec sleep 60 0</dev/null 1>/dev/null")
    async with await open_stream() as stream:
        with pytest.raises(EngineConnectionError, match="status None"):
            await stream.receive()


async def test_a_megabyte_of_complaints_does_not_block_ssh(fake: FakeSSH) -> None:
    fake.script("head -c 1000000 /dev/zero | tr '\\0' 'x' >&2; echo >&2; echo last >&2; exit 1")
    async with await open_stream() as stream:
        with pytest.raises(EngineConnectionError, match=r"status 1\): last;"):
            await stream.receive()


async def test_after_the_first_answer_an_end_is_an_end_and_a_loss_is_a_loss(fake: FakeSSH) -> None:
    with fake.engine():
        async with await open_stream() as stream:
            await stream.send(b"x")
            assert await stream.receive() == b"<x"
            stream._process.kill()
            await ended(stream._process)
            with pytest.raises(EndOfStream):
                await stream.receive()
            with pytest.raises(anyio.BrokenResourceError):
                await stream.send(b"x")


@pytest.mark.usefixtures("fake")
async def test_no_ssh_program_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    with pytest.raises(EngineConnectionError, match="can't run ssh: No such file or directory; install an OpenSSH"):
        await open_stream()


async def test_the_path_reaches_docker_as_one_quoted_word(fake: FakeSSH) -> None:
    with fake.engine():
        async with await open_stream("ssh://far/run/my dir/$(touch x).sock") as stream:
            await stream.send(b"x")
            await stream.receive()
    assert fake.argv[-1] == "docker --host 'unix:///run/my dir/$(touch x).sock' system dial-stdio"


def test_the_command_line_names_everything_before_the_host() -> None:
    endpoint = resolve_podman("ssh://me@far:22/run/podman/podman.sock", environ={"CONTAINER_SSHKEY": "/k"})
    options = ["-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=3"]
    far = "podman --url unix:///run/podman/podman.sock system dial-stdio"
    assert command(endpoint, 2.5) == ["ssh", *options, "-l", "me", "-p", "22", "-i", "/k", "--", "far", far]


def test_the_command_line_leaves_to_ssh_s_configuration_what_is_not_given() -> None:
    line = command(EngineEndpoint.parse("ssh://far"), 0.1)
    assert line[5:] == ["ConnectTimeout=1", "--", "far", "docker system dial-stdio"]
