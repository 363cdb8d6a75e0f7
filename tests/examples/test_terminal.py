"""examples/terminal.py as a user runs it: on a terminal of its own, and in pipes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from tests.contract.lab import FOREVER, IMAGE
from tests.engines import Engine
from tests.examples.programs import TIME, Terminal, environment

SCRIPT = Path(__file__).parents[2] / "examples" / "terminal.py"
NAME = "clab-terminal-r1"


@pytest.fixture
def node(engine: Engine) -> Iterator[str]:
    """A container that runs."""

    async def create() -> None:
        request = schema.ContainerCreate(
            image=IMAGE, cmd=FOREVER.split(), host_config=schema.HostConfig(network_mode="none")
        )
        async with EngineClient(engine.endpoint) as client:
            await client.containers.create(NAME, request)
            await client.containers.start(NAME)

    async def remove() -> None:
        async with EngineClient(engine.endpoint) as client:
            await client.containers.remove(NAME, force=True)

    anyio.run(create)
    yield NAME
    anyio.run(remove)


def run(engine: Engine, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the example to its end, in pipes."""
    return subprocess.run(
        [sys.executable, SCRIPT, "--runtime", engine.kind, *arguments],
        env=environment(engine.endpoint),
        input=given,
        capture_output=True,
        timeout=TIME,
        check=False,
    )


def test_a_shell_on_a_terminal(engine: Engine, node: str) -> None:
    terminal = Terminal(SCRIPT, engine.endpoint, "--runtime", engine.kind, node)
    terminal.read_until(lambda output: "# " in output)
    assert terminal.is_raw()
    terminal.resize(91, 31)
    terminal.press(b'until [ "$(stty size)" = "31 91" ]; do sleep 0.05; done; echo re"sized" $TERM\n')
    terminal.read_until(lambda output: "resized" in output)
    terminal.press(b'echo re"ady"; sleep 1000\n')
    terminal.read_until(lambda output: "ready" in output)
    terminal.press(b"\x03")  # Ctrl-C is the command's, not ours
    terminal.read_until(lambda output: "# " in output.partition("ready")[2])
    terminal.press(b"tty; exit 9\n")
    assert terminal.wait() == 9
    assert re.search(r"^/dev/pts/\d+\r$", terminal.output, re.MULTILINE)


def test_in_pipes_bytes_go_as_they_are(engine: Engine, node: str) -> None:
    data = bytes(range(256)) * 4000
    done = run(engine, node, "sh", "-c", "cat; echo oops >&2; exit 5", given=data)
    assert (done.returncode, done.stdout, done.stderr) == (5, data, b"oops\n")
    done = run(engine, node, given=b"echo $((40 + 2)); exit 3\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"42\n", b"")


def test_input_from_nowhere_or_a_file_ends(engine: Engine, node: str) -> None:
    for source in (os.devnull, __file__):
        with Path(source).open("rb") as file:
            output = subprocess.check_output(
                [sys.executable, SCRIPT, "--runtime", engine.kind, node, "cat"],
                env=environment(engine.endpoint),
                stdin=file,
                timeout=TIME,
            )
        assert output == Path(source).read_bytes()


def test_what_fails_is_told_in_a_line(engine: Engine) -> None:
    done = run(engine, "nobody", "true")
    assert (done.returncode, done.stdout) == (125, b"")
    assert re.fullmatch(rb"error: .*nobody.*\n", done.stderr)
