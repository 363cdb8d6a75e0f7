"""Sessions on an engine that plays scripts: lost connections, errors in the middle, what can't be ended or resized."""

import gc
import json
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import anyio
import pytest

from clab_runtime import (
    ContainerRuntime,
    EngineInternalError,
    EngineProtocolError,
    EngineStreamError,
    ExecCmd,
    NotFoundError,
    Session,
    TerminalSize,
    UnsupportedOperationError,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.runtime import attach_session, running_command
from clab_runtime.runtime.detach_keys import detach_keys
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.engine_session import EngineSession
from clab_runtime.runtime.exec_session import ExecCounterpart, exec_request
from tests.conftest import NoLeaks
from tests.contract.lab import cancelled, within
from tests.engine.fake_engine import FakeEngine, Peer, Request, Script, answer, fake_engine, frame

pytestmark = pytest.mark.anyio

CAT = ExecCmd("cat")
UPGRADED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
RUNS = answer(b'{"ID":"e","Running":true,"ExitCode":null,"Pid":1,"ContainerID":"nobodys"}')
ENDED = answer(b'{"ID":"e","Running":false,"ExitCode":3,"Pid":1,"ContainerID":"nobodys"}')
GONE = answer(b'{"message":"no such exec"}', status="404 Not Found")
NOT_YET = answer(b'{"message":"timeout waiting for exec session ready"}', status="500 Internal Server Error")
DONE = answer()


def container(pid: int = 5, *, tty: bool = True) -> bytes:
    status = "running" if pid else "exited"
    state = {"Status": status, "Running": bool(pid), "Pid": pid}
    return answer(json.dumps({"Id": "c1", "State": state, "Config": {"Tty": tty, "OpenStdin": True}}).encode())


def playing(output: bytes, *looks: bytes, resizes: tuple[bytes, ...] = (DONE,), hang: bool = False) -> Script:
    """Hand over these bytes; each look at the exec or the container, and each resize, sees the next answer."""
    looks_left, resizes_left = list(looks), list(resizes)

    def next_of(left: list[bytes]) -> bytes:
        return left.pop(0) if len(left) > 1 else left[0]

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        path = request.target.partition("?")[0]
        if path.endswith(("/start", "/attach")):
            await peer.send(UPGRADED + output)
            await (peer.hung_up() if hang else peer.hang_up())
        elif path.endswith("/resize"):
            await peer.send(next_of(resizes_left))
        elif "/networks/" in path:  # a runtime that is opened looks for its own
            await peer.send(GONE)
        elif request.method == "POST":
            await peer.send(answer(b'{"Id":"e"}', status="201 Created"))
        else:
            await peer.send(next_of(looks_left))

    return script


async def runtime_at(endpoint: object) -> ContainerRuntime:
    runtime = DockerRuntime(str(endpoint))
    await runtime.init()
    return runtime


def session_of(client: EngineClient, *, tty: bool = False, size: TerminalSize | None = None) -> Session:
    request = exec_request(CAT, tty=tty, stdin=True, user="", env={}, workdir="")
    return EngineSession(client, ExecCounterpart(client, "r1", CAT, request, size), size)


@asynccontextmanager
async def opened(fake: FakeEngine) -> AsyncGenerator[Session]:
    async with EngineClient(fake.endpoint) as client, session_of(client) as session:
        yield session


async def output_of(script: Script, *, tty: bool = False, size: TerminalSize | None = None) -> list[bytes]:
    """Read a session to its end."""
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        async with session_of(client, tty=tty, size=size) as session:
            pieces = [piece.data async for piece in session]
        assert "0 dedicated" in repr(client)
    return pieces


# ---------------------------------------------------------------- the end


async def test_an_end_of_the_connection_is_no_end_of_a_command_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_command, "EXIT_CODE_TIME", 0.1)
    monkeypatch.setattr(running_command, "BY_ITSELF_TIME", 0.1)
    async with fake_engine(playing(frame(1, b"a"), RUNS)) as fake, opened(fake) as session:
        assert (await anext(session)).data == b"a"
        with pytest.raises(EngineProtocolError, match="no exit code"):
            await anext(session)


async def test_output_that_ends_inside_a_frame_is_an_error() -> None:
    async with fake_engine(playing(frame(1, b"abc")[:-1], ENDED)) as fake, opened(fake) as session:
        with pytest.raises(EngineProtocolError, match="truncated"):
            await anext(session)


async def test_an_error_of_the_engines_in_the_middle_is_raised_after_the_output_before_it() -> None:
    script = playing(frame(1, b"a") + frame(2, b"") + frame(3, b"broken\n"), ENDED)
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client, session_of(client) as session:
        assert (await anext(session)).data == b"a"
        with pytest.raises(EngineStreamError, match=r"^broken$"):
            await anext(session)


async def test_a_command_that_is_gone_with_its_container_has_an_end_and_no_code(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with fake_engine(playing(frame(1, b"a"), GONE)) as fake, opened(fake) as session:
        assert [piece.data async for piece in session] == [b"a"]
        with pytest.raises(NotFoundError):
            await session.wait()
    assert caplog.text == ""


async def test_an_attached_container_that_goes_on_has_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attach_session, "ENDING_TIME", 0.1)
    async with fake_engine(playing(b"a", container())) as fake:
        runtime = await runtime_at(fake.endpoint)
        async with runtime.attach("r1") as session:
            assert (await anext(session)).data == b"a"
            with pytest.raises(EngineProtocolError, match="has ended, and the container not"):
                await anext(session)
        await runtime.aclose()


@pytest.mark.parametrize("later", [container(0), container(6), GONE], ids=["ended", "started anew", "removed"])
async def test_an_attached_container_whose_process_has_ended_has_an_end(later: bytes) -> None:
    async with fake_engine(playing(b"a", container(), container(), later)) as fake:
        runtime = await runtime_at(fake.endpoint)
        async with runtime.attach("r1") as session:
            assert [piece.data async for piece in session] == [b"a"]
        await runtime.aclose()


# ---------------------------------------------------------------- left


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_command_that_can_not_be_ended_is_said_to_go_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks, *, natively: bool
) -> None:
    monkeypatch.setattr(running_command, "BY_ITSELF_TIME", 0.1)
    held = anyio.Event()
    async with no_leaks(), fake_engine(playing(b"", RUNS, hang=True)) as fake, EngineClient(fake.endpoint) as client:

        async def hold() -> None:
            async with session_of(client) as session:
                held.set()
                await anext(session)

        assert await within(lambda: cancelled(hold, held.wait, natively=natively))
        assert "0 dedicated" in repr(client)
    assert "cat may go on in container r1" in caplog.text


async def test_a_command_that_ends_by_itself_when_it_is_left_needs_no_words(caplog: pytest.LogCaptureFixture) -> None:
    async with fake_engine(playing(b"", RUNS, RUNS, ENDED, hang=True)) as fake, opened(fake):
        pass
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def forget(sessions: list[Session]) -> None:
    """Let go of the last that anybody knows of them."""
    sessions.clear()
    gc.collect()


async def test_a_session_that_is_dropped_warns() -> None:
    async with fake_engine(playing(b"", ENDED, hang=True)) as fake, EngineClient(fake.endpoint) as client:
        sessions = [await session_of(client).__aenter__()]
        duplex = cast("Duplex", sessions[0]._duplex)  # type: ignore[attr-defined]
        with pytest.warns(ResourceWarning, match="unclosed <.*EngineSession"):
            forget(sessions)
        await duplex.aclose()


# ---------------------------------------------------------------- what engines are told


async def test_a_terminal_that_is_not_there_yet_gets_its_size_later() -> None:
    script = playing(b"", RUNS, ENDED, resizes=(NOT_YET, DONE))
    assert await output_of(script, tty=True, size=TerminalSize(80, 24)) == []


async def test_a_terminal_that_is_gone_needs_no_size() -> None:
    assert await output_of(playing(b"x", ENDED, resizes=(GONE,)), tty=True, size=TerminalSize(80, 24)) == [b"x"]


async def test_a_size_that_can_not_be_set_is_an_error_and_the_command_is_ended(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clab_runtime.runtime.engine_session.RESIZES", 2)
    monkeypatch.setattr(running_command, "BY_ITSELF_TIME", 0.1)
    script = playing(b"", RUNS, resizes=(NOT_YET,), hang=True)
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(EngineInternalError, match="session ready"):
            await session_of(client, tty=True, size=TerminalSize(80, 24)).__aenter__()
        assert "0 dedicated" in repr(client)
    assert "cat may go on" in caplog.text


async def test_over_tls_there_is_no_end_of_input() -> None:
    client = EngineClient("tcp://127.0.0.1:1")
    session = session_of(client)
    client.endpoint = type(client.endpoint)(scheme="tcp", host="127.0.0.1", port=1, tls=True)  # type: ignore[arg-type]
    with pytest.raises(UnsupportedOperationError, match="end of input over TLS"):
        await session.send_eof()
    await client.aclose()


def test_the_keys_to_detach_by_are_others_each_time_and_begin_with_none_that_people_type() -> None:
    for tty, first in ((True, "ctrl-@"), (False, "ctrl-\\")):
        chosen = {detach_keys(tty=tty) for _ in range(20)}
        assert len(chosen) == 20
        for keys in chosen:
            assert keys.split(",")[:2] == [first, "ctrl-^"]
            assert len(keys.split(",")) >= 16
