"""Interactive sessions on real engines: commands and containers, both directions at once, to their ends and not."""

import hashlib
import random
import shlex
from collections.abc import AsyncIterator, Callable
from typing import cast

import anyio
import pytest

from clab_runtime import (
    ConflictError,
    ContainerExitedError,
    ContainerRuntimeError,
    ExecCmd,
    InvalidValueError,
    NotFoundError,
    Session,
    SessionOutput,
    StreamName,
    TerminalSize,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import FOREVER, Lab, cancelled, open_lab, until, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio

OUT, ERR = StreamName.STDOUT, StreamName.STDERR
MEGABYTE = 1024 * 1024
FLOOD = 32 * MEGABYTE
"""More than any engine and any socket keeps."""


def shell(script: str) -> ExecCmd:
    return ExecCmd(["sh", "-c", script])


def has_size(height: int, width: int) -> str:
    """Write for a shell: wait until its terminal has a size."""
    return f'until [ "$(stty size)" = "{height} {width}" ]; do sleep 0.05; done'


async def written(session: Session, stream: StreamName = OUT) -> bytes:
    """Read a session's output to its end, and return what came on one stream."""
    return b"".join(piece.data for piece in await within(lambda: pieces_of(session)) if piece.stream is stream)


async def pieces_of(session: Session) -> list[SessionOutput]:
    return [piece async for piece in session]


async def until_written(session: Session, words: bytes) -> bytes:
    """Read until these words have come."""
    data = b""
    with anyio.fail_after(20):
        while words not in data:
            data += (await anext(session)).data
    return data


async def processes(lab: Lab, name: str) -> str:
    return (await lab.runtime.exec(name, ExecCmd("ps -o pid,ppid,stat,args"))).stdout_text


async def until_gone(lab: Lab, name: str, words: str) -> None:
    """Wait until no process of a container has these words."""

    async def gone() -> bool:
        return words not in await processes(lab, name)

    await until(gone)


# ---------------------------------------------------------------- a command


@pytest.mark.proves("open_exec")
async def test_a_command_has_input_output_of_each_stream_and_an_end(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        async with lab.runtime.open_exec(name, shell("read x; echo $x; echo $x >&2; cat; exit 7")) as session:
            assert not session.tty
            await session.send(b"hello\n")
            first = [await within(session.__anext__), await within(session.__anext__)]
            assert sorted(first, key=lambda piece: piece.stream) == [
                SessionOutput(ERR, b"hello\n"),
                SessionOutput(OUT, b"hello\n"),
            ]
            await session.send(b"")
            await session.send(cast("bytes", memoryview(b"last")))
            await session.send_eof()
            await session.send_eof()
            assert await written(session) == b"last"
            assert [await within(session.wait), await within(session.wait)] == [7, 7]
        assert await session.wait() == 7
        assert "0 dedicated" in repr(lab.runtime)


@pytest.mark.proves("open_exec")
async def test_a_megabyte_goes_each_way_at_once(lab: Lab) -> None:
    name = await lab.up()
    data = random.Random(3).randbytes(MEGABYTE)

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 10_000):
            yield data[start : start + 10_000]

    async with lab.runtime.open_exec(name, ExecCmd("cat")) as session, anyio.create_task_group() as tasks:

        async def send() -> None:
            await session.send_all(pieces())
            await session.send_eof()

        tasks.start_soon(send)
        assert await written(session) == data
        assert await within(session.wait) == 0


@pytest.mark.proves("open_exec")
async def test_it_runs_as_whom_where_and_with_what_it_is_told(lab: Lab) -> None:
    name = await lab.up()
    script = shell("id -u; pwd; echo $COLOUR; test -t 1 || echo none")
    async with lab.runtime.open_exec(name, script, stdin=False) as session:
        assert await written(session) == b"0\n/\n\nnone\n"
    told = lab.runtime.open_exec(name, script, user="1000", env={"COLOUR": "a = b"}, workdir="/tmp")
    async with told as session:
        assert await written(session) == b"1000\n/tmp\na = b\nnone\n"


async def test_what_is_not_there_or_does_not_run_is_told_on_entering(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        with pytest.raises(NotFoundError):
            await lab.runtime.open_exec("nobody", ExecCmd("true")).__aenter__()
        await lab.runtime.create_container(lab.node())
        with pytest.raises(ConflictError):
            await lab.runtime.open_exec(lab.node().long_name, ExecCmd("true")).__aenter__()
        name = await lab.up("r2")
        async with lab.runtime.open_exec(name, ExecCmd("nosuch")) as session:
            assert any(b"nosuch" in piece.data for piece in await pieces_of(session))
            assert await within(session.wait) in {126, 127}


async def test_its_end_is_known_though_nobody_reads_its_output(lab: Lab) -> None:
    name = await lab.up()
    async with lab.runtime.open_exec(name, shell("echo unread; exit 5")) as session:
        assert await within(session.wait) == 5
        assert await written(session) == b"unread\n"


@pytest.mark.proves("open_exec")
async def test_a_command_need_not_read_its_input(lab: Lab, differs: Differs) -> None:
    name = await lab.up()
    async with lab.runtime.open_exec(name, shell("head -c 5; exit 6")) as session, anyio.create_task_group() as tasks:

        async def send() -> None:
            while True:
                await session.send(b"x" * MEGABYTE)

        async def send_what_is_taken() -> None:
            with pytest.raises(anyio.BrokenResourceError):
                await send()

        tasks.start_soon(send_what_is_taken)
        output = await written(session)
        assert output == b"xxxxx" or (differs("output of what takes no more input") and not output)
        assert await within(session.wait) == 6


async def test_output_that_nobody_reads_waits_in_the_container(lab: Lab) -> None:
    name = await lab.up()
    async with lab.runtime.open_exec(name, ExecCmd(f"head -c {FLOOD} /dev/zero")) as session:
        with anyio.move_on_after(1) as waiting:
            await session.wait()
        assert waiting.cancelled_caught
        size = 0
        with anyio.fail_after(60):
            async for piece in session:
                size += len(piece.data)
        assert size == FLOOD
        assert await within(session.wait) == 0


@pytest.mark.parametrize("removed", [False, True], ids=["killed", "removed"])
async def test_a_container_that_goes_ends_its_sessions(lab: Lab, *, removed: bool) -> None:
    name = await lab.up("r1", "cat")
    command = lab.runtime.open_exec(name, shell("echo up; sleep 1013"))
    async with command as session, lab.runtime.attach(name) as attached:
        await until_written(session, b"up")
        await attached.send(b"up\n")
        await until_written(attached, b"up\r\nup\r\n")
        await (lab.remove(name) if removed else lab.client.containers.kill(name))
        for ended in (session, attached):
            assert await written(ended) == b""
            if not removed:
                assert await within(ended.wait) == 137


# ---------------------------------------------------------------- on a terminal


@pytest.mark.proves("open_exec")
async def test_a_terminal_has_the_size_that_it_is_given(lab: Lab, differs: Differs) -> None:
    name = await lab.up()
    script = f"stty size; {has_size(22, 77)}; echo first; {has_size(33, 101)}; echo err >&2; exit 3"
    size = TerminalSize(width=77, height=22)
    async with lab.runtime.open_exec(name, shell(script), tty=True, size=size) as session:
        assert session.tty
        assert (await until_written(session, b"first")).startswith(b"22 77\r\n") or differs(
            "size of a terminal at once"
        )
        await session.resize(101, 33)
        pieces = await within(lambda: pieces_of(session))
        assert {piece.stream for piece in pieces} == {OUT}
        assert b"".join(piece.data for piece in pieces).endswith(b"err\r\n")
        assert await within(session.wait) == 3
        await session.resize(5, 5)


@pytest.mark.proves("open_exec")
async def test_a_terminal_passes_every_key_on_at_once(lab: Lab) -> None:
    name = await lab.up()
    script = "stty raw -echo; echo ready; while x=$(dd bs=1 count=1 2>/dev/null | xxd -p); do echo =$x=; done"
    async with lab.runtime.open_exec(name, shell(script), tty=True) as session:
        await until_written(session, b"ready")
        for code in (*range(1, 128), 200, 255):
            await session.send(bytes([code]))
            await until_written(session, f"={code:02x}=".encode())
        await session.send(b"\0")
        await session.send(b"x")
        await until_written(session, b"=78=")


@pytest.mark.proves("open_exec")
async def test_a_terminal_takes_any_bytes_in_their_order(lab: Lab) -> None:
    name = await lab.up()
    data = random.Random(4).randbytes(200_000) + b"\x10\x11\x00" * 1000 + b"end"
    script = f"stty raw -echo; echo ready; head -c {len(data)} | md5sum"
    async with lab.runtime.open_exec(name, shell(script), tty=True) as session:
        await until_written(session, b"ready")
        await within(lambda: session.send(data))
        assert hashlib.md5(data, usedforsecurity=False).hexdigest().encode() in await written(session)


# ---------------------------------------------------------------- left


@pytest.mark.proves("open_exec")
@pytest.mark.parametrize("tty", [False, True], ids=["plain", "terminal"])
async def test_a_session_that_is_left_ends_its_command_with_its_children(
    engine: Engine, no_leaks: NoLeaks, *, tty: bool
) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        script = "(sleep 1014; true) & trap '' HUP TERM; echo up; sleep 1015; true"
        async with lab.runtime.open_exec(name, shell(script), tty=tty) as session:
            await until_written(session, b"up")
            assert "sleep 1014" in await processes(lab, name)
        await until_gone(lab, name, "sleep 101")
        assert await within(session.wait) == 137
        with pytest.raises(anyio.ClosedResourceError):
            await session.send(b"x")
        with pytest.raises(StopAsyncIteration):
            await anext(session)


@pytest.mark.proves("open_exec")
@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_session_that_is_cancelled_at_any_moment_leaves_no_process(
    engine: Engine, no_leaks: NoLeaks, *, natively: bool
) -> None:
    moments = random.Random(6)
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        abandoned: list[bool] = []

        async def hold(*, tty: bool) -> None:
            size = TerminalSize(80, 24) if tty else None
            async with lab.runtime.open_exec(name, ExecCmd("sleep 1016"), tty=tty, size=size) as session:
                await session.send(b"x")
                await written(session)

        async def one(seconds: float, *, tty: bool) -> None:
            abandoned.append(
                await cancelled(lambda: hold(tty=tty), lambda: anyio.sleep(seconds), natively=natively),
            )

        for _ in range(5):
            async with anyio.create_task_group() as tasks:
                for number in range(4):
                    tasks.start_soon(lambda tty: one(moments.uniform(0, 0.2), tty=tty), number % 2 == 0)
        await until_gone(lab, name, "sleep 1016")
        assert abandoned == [True] * 20
        assert "0 busy" in repr(lab.runtime)
        assert "0 dedicated" in repr(lab.runtime)


async def test_a_session_that_is_closed_meanwhile_ends_for_its_reader(lab: Lab) -> None:
    name = await lab.up()
    read: list[bytes] = []

    async with lab.runtime.open_exec(name, ExecCmd("cat")) as session, anyio.create_task_group() as tasks:

        async def read_all() -> None:
            read.append(await written(session))

        tasks.start_soon(read_all)
        await anyio.wait_all_tasks_blocked()
        await session.aclose()
        await session.aclose()
    assert read == [b""]
    await until_gone(lab, name, " cat")


# ---------------------------------------------------------------- attached


@pytest.mark.proves("attach")
async def test_a_node_is_attached_to_in_both_directions_and_left_alone(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        script = f"while read x; do echo got $x; done; {has_size(20, 50)}; exit 4"
        name = await lab.up("r1", f"sh -c {shlex.quote(script)}")
        for word in (b"one", b"two"):
            async with lab.runtime.attach(name) as session:
                assert session.tty
                await session.send(word + b"\x10\x11\n")
                await until_written(session, b"got " + word)
        assert (await lab.client.containers.inspect(name)).state.running
        async with lab.runtime.attach(name, size=TerminalSize(40, 20)) as session:
            await session.resize(50, 20)
            await session.send(b"\x04")
            await written(session)
            assert await within(session.wait) == 4
            await session.resize(5, 5)
            with pytest.raises(anyio.BrokenResourceError):
                await session.send(b"x")


@pytest.mark.proves("attach")
async def test_a_container_without_a_terminal_keeps_its_streams_apart(lab: Lab, differs: Differs) -> None:
    name = await lab.plain("while read x; do echo out $x; echo err $x >&2; done; exit 5")
    async with lab.runtime.attach(name) as session, lab.runtime.attach(name, stdin=False) as watching:
        assert not session.tty
        await session.send(b"a\n")
        for one in (session, watching):
            pieces = [await within(one.__anext__), await within(one.__anext__)]
            assert {(piece.stream, piece.data) for piece in pieces} == {(OUT, b"out a\n"), (ERR, b"err a\n")}
        with pytest.raises(InvalidValueError, match="only a terminal"):
            await lab.runtime.attach(name, stdin=False, size=TerminalSize(80, 24)).__aenter__()
        await session.send_eof()
        assert await written(session) == b""
        if differs("input without a terminal"):
            assert await within(watching.wait) == 5
            return
    assert (await lab.client.containers.inspect(name)).state.running


@pytest.mark.proves("attach")
async def test_what_does_not_run_is_not_attached_to(engine: Engine, no_leaks: NoLeaks, differs: Differs) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        created = lab.node("created")
        await lab.runtime.create_container(created)
        ended = await lab.ended("echo last; exit 3", tty=True)
        refused: list[tuple[str, type[Exception], str]] = [
            (created.long_name, ContainerExitedError, "created"),
            (ended, ContainerExitedError, "exit code 3"),
            ("nobody", NotFoundError, "nobody"),
        ]
        if not differs("pausing"):
            paused = await lab.up("paused")
            await lab.runtime.pause_container(paused)
            refused.append((paused, ConflictError, "paused"))
        for name, error, words in refused:
            with pytest.raises(error, match=words):
                await lab.runtime.attach(name).__aenter__()
        state = (await lab.client.containers.inspect(ended)).state
        assert state.status in ("exited", "stopped")  # Podman's, until it has cleaned up
        assert state.exit_code == 3


async def test_being_cancelled_leaves_the_container_alone(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up("r1", FOREVER)

        async def hold() -> None:
            async with lab.runtime.attach(name) as session:
                await written(session)

        for number in range(10):
            assert await cancelled(hold, lambda: anyio.sleep(0.02 * number))  # noqa: B023 - called here
        assert (await lab.client.containers.inspect(name)).state.running
        assert "0 dedicated" in repr(lab.runtime)


# ---------------------------------------------------------------- what can't be


async def test_what_a_session_can_not_do_is_refused(lab: Lab) -> None:
    name = await lab.up()
    session = lab.runtime.open_exec(name, ExecCmd("cat"))
    for call in cast("list[Callable[[], object]]", [session.wait, session.__anext__, session.send_eof]):
        with pytest.raises(ContainerRuntimeError, match="async with"):
            await call()  # type: ignore[misc]
    async with session:
        with pytest.raises(ContainerRuntimeError, match="opened once"):
            await session.__aenter__()
        with pytest.raises(InvalidValueError, match="only a terminal"):
            await session.resize(80, 24)
        with pytest.raises(InvalidValueError, match="give bytes"):
            await session.send(cast("bytes", "text"))
        await session.send_eof()
        with pytest.raises(anyio.ClosedResourceError):
            await session.send(b"late")
        assert await written(session) == b""
    async with lab.runtime.open_exec(name, ExecCmd("cat"), stdin=False) as session:
        with pytest.raises(InvalidValueError, match="no input"):
            await session.send(b"x")
    async with lab.runtime.open_exec(name, ExecCmd("cat"), tty=True) as session:
        with pytest.raises(InvalidValueError, match="x04"):
            await session.send_eof()
        with pytest.raises(InvalidValueError, match="width"):
            await session.resize(0, 24)
        await session.send(b"\x04")
        assert await within(session.wait) == 0
