"""A terminal into a node: run a command in a container with the input, the output and the exit code of this program.

python examples/terminal.py clab-demo-r1                            # a shell
python examples/terminal.py clab-demo-r1 vtysh -c 'show version' | less
echo 'ip -br addr' | python examples/terminal.py clab-demo-r1 sh    # in pipes: bytes as they are, no terminal
"""

import argparse
import os
import signal
import sys
import termios
import tty
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager, nullcontext, suppress

import anyio

from clab_runtime import (
    ContainerRuntimeError,
    ExecCmd,
    Session,
    StreamName,
    TerminalSize,
    open_runtime,
)

STDIN, STDOUT, STDERR = 0, 1, 2
FAILED, INTERRUPTED = 125, 130
"""The exit status where it is not the command's own."""


async def run(runtime_name: str, container: str, command: ExecCmd) -> int:
    """Run the command, on a terminal if this program has one, and return its exit code."""
    on_terminal = os.isatty(STDIN) and os.isatty(STDOUT)
    size = terminal_size() if on_terminal else None
    env = {"TERM": os.environ.get("TERM", "dumb")} if on_terminal else None
    async with (
        open_runtime(runtime_name) as runtime,
        runtime.open_exec(container, command, tty=on_terminal, size=size, env=env) as session,
    ):
        with raw_mode() if on_terminal else nullcontext():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send_input, session)
                if on_terminal:
                    tasks.start_soon(follow_size, session)
                await show_output(session)
                tasks.cancel_scope.cancel()
        return await session.wait()


async def send_input(session: Session) -> None:
    """Send what is typed, or comes out of a pipe, until that or the command ends."""
    with suppress(anyio.BrokenResourceError):  # the command has ended
        await session.send_all(read_input())
        if not session.tty:
            await session.send_eof()


async def read_input() -> AsyncIterator[bytes]:
    """Read the standard input as it comes."""
    while True:
        with suppress(PermissionError):  # what is no terminal, pipe or socket can always be read
            await anyio.wait_readable(STDIN)
        if not (data := os.read(STDIN, 65536)):
            return
        yield data


async def show_output(session: Session) -> None:
    """Write what the command writes, each stream to ours, until it ends."""
    async for piece in session:
        data = piece.data
        while data:
            data = data[os.write(STDERR if piece.stream is StreamName.STDERR else STDOUT, data) :]


async def follow_size(session: Session) -> None:
    """Give the command's terminal the size that ours gets."""
    with anyio.open_signal_receiver(signal.SIGWINCH) as changes:
        async for _ in changes:
            size = terminal_size()
            await session.resize(size.width, size.height)


def terminal_size() -> TerminalSize:
    """Look how large our terminal is; one without a size is taken for the smallest."""
    width, height = os.get_terminal_size(STDIN)
    return TerminalSize(max(width, 1), max(height, 1))


@contextmanager
def raw_mode() -> Generator[None]:
    """Have our terminal pass on every key, and leave it as it was."""
    before = termios.tcgetattr(STDIN)
    tty.setraw(STDIN)
    try:
        yield
    finally:
        termios.tcsetattr(STDIN, termios.TCSADRAIN, before)


def main() -> int:
    """Run what the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(description="Run a command in a container.")
    parser.add_argument("--runtime", default="docker", help="docker (default) or podman")
    parser.add_argument("container", help="its name or id")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="default: sh")
    arguments = parser.parse_args()
    status = FAILED
    try:
        status = anyio.run(run, arguments.runtime, arguments.container, ExecCmd(arguments.command or ["sh"]))
    except* ContainerRuntimeError as group:
        for error in group.exceptions:
            print(f"error: {error}", file=sys.stderr)
    except* BrokenPipeError:  # who read our output has gone
        pass
    except* KeyboardInterrupt:
        status = INTERRUPTED
    return status


if __name__ == "__main__":
    sys.exit(main())
