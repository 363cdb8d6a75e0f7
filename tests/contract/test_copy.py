"""Copying files into containers on a real Docker, and what becomes of copies that fail on the way."""

import logging
import os
from functools import partial
from pathlib import Path

import anyio
import msgspec
import pytest

from clab_runtime import (
    ExecCmd,
    InvalidValueError,
    NotFoundError,
    SourceFileError,
    UnsupportedOperationError,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime import copying, source_file
from clab_runtime.runtime.copying import copy_file, refuse_hidden
from tests.conftest import NoLeaks, open_descriptors
from tests.contract.differences import Differs
from tests.contract.interposer import interposed
from tests.contract.lab import Lab, cancelled, open_lab, within
from tests.engine.fake_engine import Peer, Request, answer, fake_engine
from tests.engines import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.proves("copy_to_container")]

MEGABYTE = 1024 * 1024
MOMENT = 1_600_000_000_250_000_000
"""A time of modification, in nanoseconds, with a part of a second."""


async def shell(lab: Lab, name: str, script: str) -> str:
    return (await lab.runtime.exec(name, ExecCmd(["sh", "-c", script]))).stdout_text


def resident() -> int:
    """The bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def file_of(folder: Path, content: bytes = b"hello\n", mode: int = 0o4751, name: str = "source") -> str:
    path = folder / name
    path.write_bytes(content)
    os.chown(path, 1234, 1234)
    path.chmod(mode)
    os.utime(path, ns=(MOMENT, MOMENT))
    return str(path)


# ---------------------------------------------------------------- whole


async def test_content_mode_and_time_are_kept_and_root_owns_it(lab: Lab, tmp_path: Path) -> None:
    name = await lab.up()
    await lab.runtime.copy_to_container(name, "/tmp/copied file", file_of(tmp_path))
    told = await shell(lab, name, "stat -c '%a %u:%g %Y %s' '/tmp/copied file'; cat '/tmp/copied file'")
    assert told == "4751 0:0 1600000000 6\nhello\n"


async def test_what_is_there_is_replaced_be_it_a_link_but_no_directory(lab: Lab, tmp_path: Path) -> None:
    name = await lab.up()
    source = file_of(tmp_path, b"new", 0o644)
    await shell(lab, name, "mkdir -p /d/full; echo old | tee /d/file /d/full/x /d/target; ln -s /d/target /d/link")
    for path in ("/d/file", "/d/link"):
        await lab.runtime.copy_to_container(name, path, source)
    assert (
        await shell(lab, name, "cat /d/file /d/link /d/target; test -L /d/link || echo no link")
        == "newnewold\nno link\n"
    )
    for path, allowed in {"/d/full": "is a directory", "/d/file/x": "is no directory"}.items():
        with pytest.raises(InvalidValueError, match=f"destination: '{path}'.*{allowed}"):
            await lab.runtime.copy_to_container(name, path, source)
    assert await shell(lab, name, "cat /d/full/x") == "old\n"


async def test_a_container_need_not_run_and_names_may_be_long_and_odd(lab: Lab, tmp_path: Path) -> None:
    node = lab.node()
    await lab.runtime.create_container(node)
    odd = "/tmp/" + "ü" * 100 + " a\nb"
    for size in (0, 511, 512, 513):
        await lab.runtime.copy_to_container(node.long_name, odd, file_of(tmp_path, b"x" * size))
    await lab.client.containers.start(node.long_name)
    result = await lab.runtime.exec(node.long_name, ExecCmd(["wc", "-c", odd]))
    assert result.stdout.startswith(b"513 ")


async def test_a_hundred_megabytes_are_streamed_in_flat_memory(
    engine: Engine, no_leaks: NoLeaks, tmp_path: Path
) -> None:
    block = os.urandom(MEGABYTE)
    source = file_of(tmp_path, block * 100)
    highest = before = resident()  # the content's memory has been given back
    longest = 0.0

    async def watch() -> None:
        nonlocal highest, longest
        while True:
            asked = anyio.current_time()
            await anyio.sleep(0.005)
            longest = max(longest, anyio.current_time() - asked)
            highest = max(highest, resident())

    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await within(lambda: lab.runtime.copy_to_container(name, "/big", source))
            tasks.cancel_scope.cancel()
        last = f"tail -c {MEGABYTE} /big | cmp - /block && stat -c %s /big"
        await lab.runtime.copy_to_container(name, "/block", file_of(tmp_path, block, name="block"))
        assert await shell(lab, name, last) == f"{100 * MEGABYTE}\n"
    assert highest - before < 16 * MEGABYTE
    assert longest < 1, "the event loop goes on meanwhile"


async def test_a_file_of_nine_gigabytes_has_its_size_in_the_header(tmp_path: Path) -> None:
    source = tmp_path / "huge"
    with source.open("wb") as file:
        file.truncate(9 * 1024**3)
    with source_file.open_source(str(source)) as opened:
        archive = opened.archive("huge")
        header = await anext(archive)
        await archive.aclose()
    assert b"size=%d\n" % (9 * 1024**3) in header


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize("destination", ["", "relative", "/", "/d/", "/d/.", "/d/..", "/a\0b", "/\udcff"])
async def test_a_destination_that_names_no_file_is_refused_before_any_request(destination: str, tmp_path: Path) -> None:
    client = EngineClient("unix:///nowhere")
    with pytest.raises(InvalidValueError, match="destination"):
        await copy_file(client, "r1", destination, file_of(tmp_path), 1, check_destination=refuse_hidden)


async def test_a_source_that_is_no_file_to_read_is_refused_before_any_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = EngineClient("unix:///nowhere")
    os.mkfifo(tmp_path / "fifo")
    before = open_descriptors()
    for source, problem in {
        str(tmp_path / "nosuch"): "No such file",
        str(tmp_path): "a directory",
        str(tmp_path / "fifo"): "no regular file",
        "/dev/null": "no regular file",
        "": "No such file",
        "a\0b": "give the path",
    }.items():
        with pytest.raises(InvalidValueError, match=f"source: .*{problem}"):
            await copy_file(client, "r1", "/x", source, 1, check_destination=refuse_hidden)
    secret = file_of(tmp_path, mode=0)
    monkeypatch.setattr(os, "open", refuse)  # root may read all
    with pytest.raises(InvalidValueError, match="Permission denied"):
        await copy_file(client, "r1", "/x", secret, 1, check_destination=refuse_hidden)
    monkeypatch.undo()
    assert open_descriptors() == before


def refuse(*_: object) -> int:
    raise PermissionError(13, "Permission denied")


async def test_what_is_not_there_is_not_found_and_what_is_in_memory_is_refused(
    lab: Lab, tmp_path: Path, differs: Differs
) -> None:
    node = msgspec.structs.replace(lab.node(), tmpfs={"/mem": ""}, binds=[f"{tmp_path}:/mem/bound"])
    await lab.start(node)
    source = file_of(tmp_path)
    copy = lab.runtime.copy_to_container
    with pytest.raises(NotFoundError, match="nobody"):
        await copy("nobody", "/x", source)
    with pytest.raises(NotFoundError, match="/no/such"):
        await copy(node.long_name, "/no/such/x", source)
    in_memory = {"/mem/x", "/tmp/../mem/x", "/dev/shm/x"}
    seen = in_memory if differs("copies into memory") else set[str]()
    for path in (*sorted(in_memory), "/proc/x", "/sys/x"):
        if path in seen:
            await copy(node.long_name, path, source)
            assert await shell(lab, node.long_name, f"cat {path}; rm {path}") == "hello\n"
        else:
            with pytest.raises(UnsupportedOperationError, match="in memory"):
                await copy(node.long_name, path, source)
    await copy(node.long_name, "/mem/bound/x", source)
    assert (tmp_path / "x").read_bytes() == b"hello\n"
    await lab.client.containers.kill(node.long_name)
    await lab.client.containers.wait(node.long_name)
    with pytest.raises(UnsupportedOperationError, match="in memory"):
        await copy(node.long_name, "/mem/x", source)


# ---------------------------------------------------------------- on the way


async def test_a_source_that_changes_meanwhile_is_an_error_and_nothing_is_left(
    engine: Engine, no_leaks: NoLeaks, tmp_path: Path
) -> None:
    size = 4 * source_file.PIECE
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        for change, words in {0: "shorter", size + 1: "changed", size: "changed"}.items():
            source = file_of(tmp_path, b"x" * size)

            async def act(change: int = change, source: str = source) -> None:
                os.truncate(source, change)

            async with interposed(lab) as (runtime, between):
                between.before("PUT", act)
                with pytest.raises(SourceFileError, match=words) as caught:
                    await within(lambda: runtime.copy_to_container(name, "/tmp/x", source))  # noqa: B023 - called here
            assert caught.value.path == source
            assert await shell(lab, name, "ls /tmp") == ""


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_copy_that_is_cancelled_leaves_no_part_of_the_file(
    engine: Engine, no_leaks: NoLeaks, tmp_path: Path, *, natively: bool
) -> None:
    source = file_of(tmp_path, os.urandom(32 * MEGABYTE))
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()

        async def copy() -> None:
            await lab.runtime.copy_to_container(name, "/tmp/x", source)

        for seconds in (0, 0.004, 0.02, 0.05):
            if await cancelled(copy, partial(anyio.sleep, seconds), natively=natively):
                assert await shell(lab, name, "ls /tmp") == ""
            assert "0 dedicated" in repr(lab.runtime)
            await shell(lab, name, "rm -f /tmp/x")


INSPECT = answer(b'{"Id":"x","State":{"Status":"exited"}}')


async def test_an_engine_that_takes_nothing_is_a_time_out_and_the_rest_is_told(
    tmp_path: Path, no_leaks: NoLeaks, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(peer: Peer, request: Request) -> None:
        if request.method == "PUT":
            await anyio.sleep_forever()
        refusal = answer(b'{"message":"not running"}', status="409 Conflict")
        await peer.body(request)
        await peer.send(INSPECT if request.method == "GET" else refusal)

    source = file_of(tmp_path, bytes(8 * MEGABYTE))
    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(TimeoutError, match=r"nothing for 0\.2 s"):
            await within(lambda: copy_file(client, "r1", "/x", source, 0.2, check_destination=refuse_hidden))
        assert "0 dedicated" in repr(client)
    assert caplog.record_tuples == [
        (
            "clab_runtime",
            logging.WARNING,
            "a part of /x may be left in container r1: POST /containers/r1/exec: 409 not running",
        )
    ]


async def test_an_engine_that_does_not_answer_a_cancelled_copy_is_left(
    tmp_path: Path, no_leaks: NoLeaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "UNDO_TIME", 0.2)
    begun = anyio.Event()

    async def script(peer: Peer, request: Request) -> None:
        if request.method == "GET":
            await peer.send(INSPECT)
        else:
            begun.set()
            await peer.hung_up()

    source = file_of(tmp_path, bytes(MEGABYTE))
    async with no_leaks(), fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with anyio.fail_after(5):
            assert await cancelled(
                lambda: copy_file(client, "r1", "/x", source, 30, check_destination=refuse_hidden), begun.wait
            )
