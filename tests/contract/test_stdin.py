"""Writing to the standard input of containers on real engines."""

import hashlib
import random
from functools import partial
from typing import cast

import pytest

from clab_runtime import (
    ConflictError,
    ContainerExitedError,
    InvalidValueError,
    NotFoundError,
    RuntimeConfig,
    with_config,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import Lab, open_lab, within
from tests.engines import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.proves("write_to_stdin_no_wait")]


def reader(count: int) -> str:
    """A command that tells the sum of the next bytes of its terminal, as they are, and goes on."""
    return f"sh -c 'stty raw -echo; echo ready; head -c {count} | md5sum; cat'"


def every_pair_of_control_characters(rounds: int) -> bytes:
    """Bytes in which any two control characters follow each other somewhere, so that no keys are free."""
    return b"".join(bytes([first, second]) for first in range(32) for second in range(32)) * rounds


@pytest.mark.parametrize("tty", [True, False], ids=["terminal", "plain"])
async def test_every_byte_arrives_in_order_and_the_input_stays_open(
    engine: Engine, differs: Differs, *, tty: bool
) -> None:
    data = random.Random(1).randbytes(1_000_000) + b"\x10\x11" + every_pair_of_control_characters(20) + b"end\x10"
    async with open_lab(engine) as lab:
        name = await (lab.up("r1", reader(len(data))) if tty else lab.plain(f"head -c {len(data)} | md5sum; cat"))
        if tty:
            await lab.until_said(name, b"ready")
        await within(lambda: lab.runtime.write_to_stdin_no_wait(name, data))
        await lab.until_said(name, hashlib.md5(data, usedforsecurity=False).hexdigest().encode())
        if not tty and differs("input without a terminal"):
            assert (await within(lambda: lab.client.containers.wait(name))).status_code == 0
            return
        for word in (b"one more\n", b"", b"and another\n"):
            await within(partial(lab.runtime.write_to_stdin_no_wait, name, word))
        await lab.until_said(name, b"one more")
        await lab.until_said(name, b"and another")


async def test_a_command_that_ends_the_container_is_delivered(lab: Lab) -> None:
    name = await lab.up("r1", "sh -c 'read line; exit 9'")
    await within(lambda: lab.runtime.write_to_stdin_no_wait(name, b"bye\n"))
    assert (await within(lambda: lab.client.containers.wait(name))).status_code == 9


async def test_what_does_not_run_is_never_attached_to(engine: Engine, no_leaks: NoLeaks, differs: Differs) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        write = lab.runtime.write_to_stdin_no_wait
        created = lab.node("created")
        await lab.runtime.create_container(created)
        with pytest.raises(ContainerExitedError, match=created.long_name):
            await write(created.long_name, b"x\n")
        ended = await lab.ended("echo last; exit 3", tty=True)
        with pytest.raises(ContainerExitedError, match="exit code 3") as caught:
            await write(ended, b"x\n")
        assert caught.value.last_lines == (b"last",)
        running = await lab.up("running")
        if not differs("pausing"):
            await lab.runtime.pause_container(running)
            with pytest.raises(ConflictError, match="paused"):
                await write(running, b"x\n")
        with pytest.raises(NotFoundError):
            await write("nobody", b"x\n")
        with pytest.raises(InvalidValueError, match="give bytes"):
            await write(running, cast("bytes", "text"))


async def test_a_container_that_does_not_read_is_waited_for_no_longer_than_the_time_out(
    engine: Engine, no_leaks: NoLeaks
) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up("r1", "sh -c 'stty raw; echo ready; sleep 100000'")
        await lab.until_said(name, b"ready")
        with_config(RuntimeConfig(timeout=0.5))(lab.runtime)
        with pytest.raises(TimeoutError, match=rf"{name}.* has not taken 1000000 bytes of input in 0\.5 s"):
            await within(lambda: lab.runtime.write_to_stdin_no_wait(name, b"x" * 1_000_000))
        assert "0 dedicated" in repr(lab.runtime)
