"""Copying files into containers on real engines, and what becomes of copies that fail on the way."""

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
from clab_runtime.runtime import source_file
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.interposer import interposed
from tests.contract.lab import Lab, cancelled, open_lab, within
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


# ---------------------------------------------------------------- refused


async def test_what_is_not_there_is_not_found_and_what_is_in_memory_is_refused(
    lab: Lab, shared: Path, differs: Differs
) -> None:
    node = msgspec.structs.replace(lab.node(), tmpfs={"/mem": ""}, binds=[f"{shared}:/mem/bound"])
    await lab.start(node)
    source = file_of(shared)
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
    assert (shared / "x").read_bytes() == b"hello\n"
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
