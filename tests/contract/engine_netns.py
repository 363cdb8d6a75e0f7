"""The network namespace of a private engine, which is its host's: what is there, and a runtime that works in it."""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from clab_runtime import MgmtNet, NodeConfig
from tests.contract.lab import LIMIT, on_asyncio
from tests.engines import Engine, enter_command

ROOT = Path(__file__).parents[2]
RP_FILTERS = [f"/proc/sys/net/ipv4/conf/{name}/rp_filter" for name in ("all", "default")]
COMMENT = "set by containerlab"
LONGEST_ANSWER = 1 << 20


def run(engine: Engine, *command: str, inside: bool = True, check: bool = True) -> str:
    """Run a program where the engine is, and return its output."""
    words = [*enter_command(engine, inside=inside), *command]
    return subprocess.run(words, capture_output=True, text=True, check=check, timeout=LIMIT).stdout


def rules(engine: Engine, tool: str = "iptables") -> list[str]:
    """List the rules of DOCKER-USER but the last, by which Docker goes on; nothing, where there is no such chain."""
    lines = run(engine, tool, "-w", "-S", "DOCKER-USER", check=False).splitlines()
    return [line for line in lines if line.startswith("-A") and not line.endswith("-j RETURN")]


def accepting(bridge: str) -> set[str]:
    """Write the rules of a lab as iptables lists them."""
    return {f'-A DOCKER-USER {way} {bridge} -m comment --comment "{COMMENT}" -j ACCEPT' for way in ("-i", "-o")}


def group_fwd_mask(engine: Engine, bridge: str) -> int:
    """Tell which link-local frames a bridge passes on."""
    (link,) = json.loads(run(engine, "ip", "-details", "-json", "link", "show", bridge))
    return int(link["linkinfo"]["info_data"]["group_fwd_mask"], 0)


def rp_filters(engine: Engine) -> list[str]:
    """Read the reverse path filters of the engine's network namespace."""
    return run(engine, "cat", *RP_FILTERS, inside=False).split()


@contextmanager
def rp_filters_set(engine: Engine, value: str) -> Generator[None]:
    """Set the reverse path filters there, and set them back."""
    before = rp_filters(engine)
    try:
        _write_rp_filters(engine, [value, value])
        yield
    finally:
        _write_rp_filters(engine, before)


def _write_rp_filters(engine: Engine, values: Sequence[str]) -> None:
    for path, value in zip(RP_FILTERS, values, strict=True):
        run(engine, "sh", "-c", f"echo {value} > {path}", inside=False)


class Answer(msgspec.Struct):
    """What came of a call in the other process."""

    mgmt: MgmtNet
    warnings: list[str]


class Remote:
    """A runtime in a process of its own."""

    def __init__(self, process: Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._requests = process.stdin
        self._answers = BufferedByteReceiveStream(process.stdout)

    async def call(self, name: str, argument: MgmtNet | NodeConfig | str = "") -> Answer:
        """Have a call made, and return what came of it."""
        text = argument if isinstance(argument, str) else argument.to_json().decode()
        await self._requests.send(json.dumps([name, text]).encode() + b"\n")
        with anyio.fail_after(LIMIT):
            answer: dict[str, Any] = json.loads(await self._answers.receive_until(b"\n", LONGEST_ANSWER))
        assert answer["error"] is None, answer["error"]
        return Answer(MgmtNet.from_json(answer["mgmt"]), answer["warnings"])


@asynccontextmanager
async def remote(engine: Engine, *, path: Path | None = None) -> AsyncGenerator[Remote]:
    """Start a runtime in the engine's network namespace; programs are looked for in `path` first."""
    backend = "asyncio" if on_asyncio() else "trio"
    program = [sys.executable, "-W", "error", "-m", "tests.contract.netns_program", backend, engine.endpoint]
    variables = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"} if path else None
    command = [*enter_command(engine), *program]
    async with await anyio.open_process(command, stderr=None, cwd=ROOT, env=variables) as process:
        yield Remote(process)
        assert process.stdin is not None
        await process.stdin.aclose()
        with anyio.fail_after(LIMIT):
            assert await process.wait() == 0


def tools(engine: Engine, directory: Path, *, with_nft: bool = True) -> Path:
    """Make the engine's own firewall tools runnable from outside; without nft there is one that fails."""
    for name in ("nft", "iptables", "ip6tables"):
        words = " ".join(enter_command(engine, inside=True))
        command = (
            f'exec {words} /usr/sbin/{name} "$@"'
            if with_nft or name != "nft"
            else "echo no JSON in this nft >&2; exit 1"
        )
        (directory / name).write_text(f"#!/bin/sh\n{command}\n")
        (directory / name).chmod(0o755)
    return directory
