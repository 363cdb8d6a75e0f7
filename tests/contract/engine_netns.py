"""The network namespace of a private engine, which is its host's: what is there, and a runtime that works in it."""

import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest

from clab_runtime import MgmtNet, NodeConfig
from tests.contract.lab import LIMIT, on_asyncio
from tests.engines import Engine, enter_command

ROOT = Path(__file__).parents[2]
RP_FILTERS = [f"/proc/sys/net/ipv4/conf/{name}/rp_filter" for name in ("all", "default")]
COMMENT = "set by containerlab"


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


@contextmanager
def user_chains(engine: Engine) -> Generator[None]:
    """Have the chain DOCKER-USER where Podman runs alone, as if Docker ran beside it and let nobody in."""
    if engine.kind == "docker":
        yield
        return
    for tool in ("iptables", "ip6tables"):
        run(engine, "sh", "-c", f"{tool} -w -N DOCKER-USER && {tool} -w -A DOCKER-USER -j RETURN")
        run(engine, "sh", "-c", f"{tool} -w -I FORWARD -j DOCKER-USER && {tool} -w -P FORWARD DROP")
    try:
        yield
    finally:
        for tool in ("iptables", "ip6tables"):
            run(engine, "sh", "-c", f"{tool} -w -P FORWARD ACCEPT; {tool} -w -D FORWARD -j DOCKER-USER")
            run(engine, "sh", "-c", f"{tool} -w -F DOCKER-USER; {tool} -w -X DOCKER-USER")


@contextmanager
def open_to_the_group(engine: Engine) -> Generator[None]:
    """Let the group of the engine's socket use it, as Docker does by itself."""
    mode = stat.S_IMODE(engine.socket.stat().st_mode)
    engine.socket.chmod(0o660)
    try:
        yield
    finally:
        engine.socket.chmod(mode)


@contextmanager
def outside(engine: Engine) -> Generator[list[str]]:
    """Have another machine, whose gateway is the engine's; tells how a program gets there."""
    process = subprocess.Popen([*enter_command(engine), "unshare", "--net", "cat"], stdin=subprocess.PIPE)
    with process:
        enter = ["nsenter", f"--net=/proc/{process.pid}/ns/net"]
        try:
            here = {Path("/proc/self/ns/net").stat().st_ino, engine.netns.stat().st_ino}
            while Path(f"/proc/{process.pid}/ns/net").stat().st_ino in here:
                time.sleep(0.01)  # nothing tells of it
            run(engine, "ip", "link", "add", "outside0", "type", "veth", "peer", "eth0", "netns", str(process.pid))
            run(engine, "sh", "-c", "ip address add 198.51.100.1/30 dev outside0 && ip link set outside0 up")
            script = "ip address add 198.51.100.2/30 dev eth0 && ip link set eth0 up"
            script += " && ip route add default via 198.51.100.1"
            tools = ["nsenter", f"--target={engine.keeper_pid}", "--mount", enter[1]]  # this machine may have no ip
            subprocess.run([*tools, "sh", "-c", script], check=True, timeout=LIMIT)
            yield enter
        finally:
            process.kill()  # with its namespace both ends go


def bridges(engine: Engine) -> set[str]:
    """List the bridges where the engine is."""
    return {link["ifname"] for link in json.loads(run(engine, "ip", "-json", "link", "show", "type", "bridge"))}


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


class RemoteError(Exception):
    """A call in the other process failed; with its exception as text."""


class Remote:
    """A process in an engine's network namespace, with a runtime in it."""

    def __init__(self, engine: Engine, backend: str) -> None:
        program = [sys.executable, "-W", "error", "-m", "tests.contract.netns_program"]
        command = [*enter_command(engine), *program, backend, engine.kind, engine.endpoint]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)

    async def call(self, name: str, argument: MgmtNet | NodeConfig | Sequence[NodeConfig] | str = "") -> Answer:
        """Have a call made, and return what came of it; raises RemoteError."""
        text = _written(argument)
        with anyio.fail_after(LIMIT):
            line = await anyio.to_thread.run_sync(self._ask, json.dumps([name, text]), abandon_on_cancel=True)
        answer: dict[str, Any] = json.loads(line)
        if answer["error"] is not None:
            raise RemoteError(answer["error"])
        return Answer(MgmtNet.from_json(answer["mgmt"]), answer["warnings"])

    def end(self) -> None:
        """Have the process end, at once if it is busy."""
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()
            try:
                assert self._process.wait(LIMIT) == 0
            finally:
                self._process.kill()

    def _ask(self, request: str) -> bytes:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(request.encode() + b"\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


def _written(argument: MgmtNet | NodeConfig | Sequence[NodeConfig] | str) -> str:
    """Write an argument as text."""
    if isinstance(argument, str):
        return argument
    if isinstance(argument, MgmtNet | NodeConfig):
        return argument.to_json().decode()
    return json.dumps([node.to_json().decode() for node in argument])


class Remotes:
    """The processes of a test module: each is started when the first test asks for it, and serves all that follow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._remotes: dict[tuple[str, str, int], Remote] = {}

    async def get(self, engine: Engine, number: int = 0, *, with_nft: bool = True) -> Remote:
        """Lend a process that has the engine's own firewall tools, with or without nft."""
        backend = "asyncio" if on_asyncio() else "trio"
        key = (engine.name, backend, number)
        if key not in self._remotes:
            self._remotes[key] = Remote(engine, backend)
        await self._remotes[key].call("path", f"{self._tools(engine, with_nft=with_nft)}:{os.environ['PATH']}")
        return self._remotes[key]

    def end(self) -> None:
        """End them all."""
        with ExitStack() as stack:
            for remote in self._remotes.values():
                stack.callback(remote.end)

    def _tools(self, engine: Engine, *, with_nft: bool) -> Path:
        """Make the engine's own firewall tools runnable from outside; without nft there is one that fails."""
        place = self._directory / f"{engine.name}-{'nft' if with_nft else 'iptables'}"
        if not place.exists():
            place.mkdir()
            for name in ("nft", "iptables", "ip6tables"):
                words = " ".join(enter_command(engine, inside=True))
                command = f'exec {words} /usr/sbin/{name} "$@"'
                if name == "nft" and not with_nft:
                    command = "echo no JSON in this nft >&2; exit 1"
                (place / name).write_text(f"#!/bin/sh\n{command}\n")
                (place / name).chmod(0o755)
        return place


@pytest.fixture(scope="module")
def remotes(tmp_path_factory: pytest.TempPathFactory) -> Generator[Remotes]:
    """Processes in the engines' network namespaces."""
    remotes = Remotes(tmp_path_factory.mktemp("tools"))
    yield remotes
    remotes.end()
