"""Commands to their end, on an engine that plays scripts; and processes that are ended from here."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from select import select
from typing import cast

import pytest

from clab_runtime import EngineProtocolError, ExecCmd, ExecResult, InvalidValueError
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime import running_command
from clab_runtime.runtime.execution import execute, execute_detached
from clab_runtime.runtime.running_command import _kill as kill_process  # pyright: ignore[reportPrivateUsage]
from tests.conftest import NoLeaks
from tests.contract.lab import cancelled, until
from tests.engine.fake_engine import FakeEngine, Peer, Request, Script, answer, fake_engine, frame

pytestmark = pytest.mark.anyio

COMMAND = ExecCmd("true")
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
RUNS = b'{"ID":"e","Running":true,"ExitCode":null,"Pid":1,"ContainerID":"nobodys"}'
ENDED = b'{"ID":"e","Running":false,"ExitCode":3,"Pid":1,"ContainerID":"nobodys"}'
UNSET = b'{"ID":"e","Running":false,"ExitCode":null,"Pid":1,"ContainerID":"nobodys"}'


def executing(output: bytes, *states: bytes, hang: bool = False) -> Script:
    """Run a command with this output; each look at it sees the next state, the last for ever."""
    left = list(states)

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.target.endswith("/start"):
            await peer.send(UPGRADED + output)
            await (peer.hung_up() if hang else peer.hang_up())
        elif request.method == "POST":
            await peer.send(answer(b'{"Id":"e"}', status="201 Created"))
        else:
            await peer.send(answer(left.pop(0) if len(left) > 1 else left[0]))

    return script


async def run(script: Script) -> ExecResult:
    """Run a command on an engine that plays the script."""
    outcome: list[ExecResult | Exception] = []
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        try:
            outcome.append(await execute(client, "r1", COMMAND))
        except EngineProtocolError as exc:
            outcome.append(exc)
        assert ": 0 busy" in repr(client)
        assert "0 dedicated" in repr(client)
    if isinstance(outcome[0], Exception):
        raise outcome[0]
    return outcome[0]


# ---------------------------------------------------------------- to the end


async def test_output_is_sorted_by_its_stream(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        result = await run(executing(frame(1, b"a") + frame(2, b"b") + frame(1, b"c"), ENDED))
    assert (result.stdout, result.stderr, result.exit_code) == (b"ac", b"b", 3)


async def test_a_code_that_is_not_known_yet_is_asked_for_again() -> None:
    assert (await run(executing(b"", RUNS, UNSET, UNSET, ENDED))).exit_code == 3


@pytest.mark.parametrize("state", [RUNS, UNSET], ids=["runs", "unset"])
async def test_a_code_that_never_comes_is_an_error_and_no_success(
    monkeypatch: pytest.MonkeyPatch, state: bytes
) -> None:
    monkeypatch.setattr(running_command, "EXIT_CODE_TIME", 0.1)
    with pytest.raises(EngineProtocolError, match="no exit code"):
        await run(executing(b"", state))


async def test_a_bare_string_is_refused_before_any_request_with_words_that_help() -> None:
    client = EngineClient("unix:///nowhere")
    for run in (execute, execute_detached):
        with pytest.raises(InvalidValueError, match=r"wrap it: ExecCmd\("):
            await run(client, "r1", cast("ExecCmd", "ls -l"))


async def test_output_that_breaks_off_inside_a_frame_is_an_error() -> None:
    with pytest.raises(EngineProtocolError, match="truncated"):
        await run(executing(frame(1, b"abc")[:-1], ENDED))


# ---------------------------------------------------------------- abandoned


async def started(fake: FakeEngine) -> None:
    """Wait until the command has been started."""

    async def seen() -> bool:
        return any(request.target.endswith("/start") for request in fake.requests)

    await until(seen)


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
@pytest.mark.parametrize("state", [RUNS, b'{"message":"broken"'], ids=["no right", "no answer"])
async def test_a_command_that_can_not_be_ended_is_said_to_go_on(
    caplog: pytest.LogCaptureFixture, no_leaks: NoLeaks, state: bytes, *, natively: bool
) -> None:
    async with no_leaks(), fake_engine(executing(b"", state, hang=True)) as fake, EngineClient(fake.endpoint) as client:
        assert await cancelled(lambda: execute(client, "r1", COMMAND), lambda: started(fake), natively=natively)
        assert "0 dedicated" in repr(client)
    assert "true" in caplog.text
    assert "r1" in caplog.text


async def test_a_command_that_has_ended_meanwhile_needs_no_words(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_engine(executing(b"", ENDED, hang=True)) as fake, EngineClient(fake.endpoint) as client:
        assert await cancelled(lambda: execute(client, "r1", COMMAND), lambda: started(fake))
    assert caplog.text == ""


# ---------------------------------------------------------------- ending processes


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process of our own."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"]) as process:
        yield process
        process.kill()


def test_a_process_that_is_not_the_containers_is_left_alone(sleeper: subprocess.Popen[bytes]) -> None:
    assert not kill_process(sleeper.pid, "f" * 64)
    assert sleeper.poll() is None


def test_a_process_that_is_the_containers_is_killed(sleeper: subprocess.Popen[bytes]) -> None:
    cgroup = Path(f"/proc/{sleeper.pid}/cgroup").read_text().splitlines()[0]
    assert kill_process(sleeper.pid, cgroup)
    assert sleeper.wait(10) == -9


THREADS = """
import subprocess, threading
print(subprocess.Popen(["sleep", "1000"]).pid, flush=True)
while True:
    threads = [threading.Thread(target=int) for _ in range(20)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
"""
"""A program with a child, and with threads that end all the time."""


def test_a_process_whose_threads_end_meanwhile_is_killed_with_its_child() -> None:
    for _ in range(20):
        with subprocess.Popen([sys.executable, "-c", THREADS], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            child = os.pidfd_open(int(process.stdout.readline()))
            cgroup = Path(f"/proc/{process.pid}/cgroup").read_text().splitlines()[0]
            killed = kill_process(process.pid, cgroup)
            process.kill()
            assert killed
            assert select([child], (), (), 10)[0], "the child lives"
            os.close(child)


def test_a_process_that_is_gone_can_not_be_killed() -> None:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    assert not kill_process(process.pid, "")


def test_without_the_right_nothing_is_killed(monkeypatch: pytest.MonkeyPatch, sleeper: subprocess.Popen[bytes]) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(signal, "pidfd_send_signal", refuse)
    assert not kill_process(sleeper.pid, "")
    assert sleeper.poll() is None
