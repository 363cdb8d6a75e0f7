"""The ground that calls are cancelled on: containers to call about, and the proof that all is as it was before."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from clab_runtime import (
    ContainerRuntime,
    EndpointlessNode,
    NotFoundError,
    RuntimeConfig,
    StartedContainer,
    with_config,
    with_mgmt_net,
)
from clab_runtime.host import netns
from tests.conftest import PREDEFINED, open_descriptors
from tests.contract.lab import Lab, open_lab, runtime_for, within
from tests.engines import Engine, EngineSetupError
from tests.engines.http import call, call_json
from tests.engines.registry import Registry, make_image

LINES = 50
"""Lines that the containers with a log have written."""
COPIED = 200_000
"""Bytes of the file that is copied."""
PIECE = 100
"""Bytes in which answers come: an answer that is there at once, and whole, has hardly any await points."""
LONGEST = 30
"""Seconds that a call may take."""
SETTLE = 15.0
"""Seconds that an engine gets to finish what a cancelled call has asked for."""

State = Mapping[str, object]
"""What there is, by kind."""
CONTAINERS, NETWORKS, IMAGES, PROCESSES, LINKS = "containers", "networks", "images", "processes", "links"

_PULLED = make_image(50_000, label="pulled")


class Ground:
    """A lab with a container of each sort that the cases are about."""

    def __init__(self, lab: Lab, runtime: ContainerRuntime, endpoint: str, file: Path, registry: Registry) -> None:
        self.lab = lab
        self.runtime = runtime
        """The one under test, which sees the engine's answers in small pieces."""
        self.endpoint = endpoint
        """Where it sees them."""
        self.engine: Engine = lab.engine
        self.file = file
        self.registry = registry
        self.image = registry.put("lab/pulled", "1", _PULLED)
        self.started: StartedContainer
        self.healthy: StartedContainer
        self.still = self.polite = self.ended = self.checked = ""
        self.spare = lab.node("spare")
        """A node whose container comes and goes."""
        self.fresh = runtime_for(lab.engine, endpoint)
        """A runtime that comes and goes."""
        self.finished = False
        """Whether the last call has come to its own end."""

    async def furnish(self) -> None:
        """Have the containers."""
        node = self.lab.node("still", f"sh -c 'seq 1 {LINES}; sleep 100000'")
        await self.lab.runtime.create_container(node)
        self.started = await self.runtime.start_container(node.long_name, EndpointlessNode(node))
        self.still = node.long_name
        self.polite = await self.lab.polite("polite")
        self.ended = await self.lab.up("ended", f"sh -c 'seq 1 {LINES}; exit 7'")
        await self.lab.client.containers.wait(self.ended)
        node = self.lab.checked(self.lab.node("checked"), "true")
        await self.lab.runtime.create_container(node)
        self.healthy = await self.runtime.start_container(node.long_name, EndpointlessNode(node))
        self.checked = node.long_name
        await within(self.healthy.wait_healthy)

    async def settled(self, container: str) -> None:
        """Wait until a container that has been told to stop, or may have been, does one thing or the other."""
        with anyio.move_on_after(0.2):
            await self.lab.client.containers.wait(container)

    async def without_image(self) -> None:
        """Remove what has been pulled; an engine may finish a pull that nobody waits for any more."""
        while True:
            try:
                await self.lab.client.images.remove(self.image)
            except NotFoundError:
                return

    def unlink_spare(self) -> None:
        """Remove the link of the spare container, which was removed past the code under test."""
        (netns.DIRECTORY / self.spare.long_name).unlink(missing_ok=True)

    def post(self, path: str) -> None:
        """Ask the engine for something at once, past the event loop and the code under test."""
        call(self.engine.socket, "POST", f"/v1.41{path}")

    # ------------------------------------------------------------ what is

    def resources(self) -> State:
        """Return what this process holds, connections that wait for their next use left out."""
        clients = [repr(client) for client in (self.runtime, self.fresh, self.lab.runtime, self.lab.client)]
        idle = sum(int(number) for client in clients for number in re.findall(r"(\d+) idle", client))
        used = [int(number) for client in clients for number in re.findall(r"(\d+) (?:busy|dedicated)", client)]
        return {
            "descriptors": len(open_descriptors()) - idle,
            "tasks": len(anyio.get_running_tasks()),
            "slots in use": sum(used),
        }

    def look(self, *kinds: str) -> State:
        """Return what there is of these kinds, and the resources."""
        return {**self.resources(), **{kind: _LOOKS[kind](self) for kind in kinds}}

    async def differences(self, before: State, wait: float = SETTLE) -> Mapping[str, str]:
        """Compare, once things have settled; what is not as before is told by kind."""
        deadline = time.monotonic() + wait
        kinds = [kind for kind in before if kind in _LOOKS]
        while (now := self.look(*kinds)) != before and time.monotonic() < deadline:
            with anyio.move_on_after(0.01):
                await anyio.sleep(0.005) if self.resources().items() <= before.items() else await checkpoint()
        return {kind: f"{before[kind]} -> {now[kind]}" for kind in before if now[kind] != before[kind]}


def _containers(ground: Ground) -> object:
    try:
        found = call_json(ground.engine.socket, "GET", "/v1.41/containers/json?all=1")
    except EngineSetupError as exc:  # Podman can't list what is being removed, or what it has lost
        return str(exc)
    return {item["Names"][0].removeprefix("/"): item["State"] for item in found}


def _networks(ground: Ground) -> object:
    found = call_json(ground.engine.socket, "GET", "/v1.41/networks")
    return {item["Name"] for item in found} - PREDEFINED[ground.engine.kind]


def _images(ground: Ground) -> object:
    found = call_json(ground.engine.socket, "GET", "/v1.41/images/json")
    return {tag for item in found for tag in item["RepoTags"] or [item["Id"]]}


def _processes(ground: Ground) -> object:
    """Return the command lines in the still container, and those of its execs that the engine calls running."""
    inspected: dict[str, Any] = call_json(ground.engine.socket, "GET", f"/v1.41/containers/{ground.still}/json")
    namespace = _pid_namespace(Path("/proc", str(inspected["State"]["Pid"])))
    here = sorted(_command(path) for path in Path("/proc").glob("[0-9]*") if _pid_namespace(path) == namespace)
    execs = inspected["ExecIDs"] or ()
    return here, [name for name in execs if _exec_runs(ground, name)]


_ended: set[str] = set()
"""Execs that do not run, and have been seen so: the engine forgets one that was never started only in the end."""


def _exec_runs(ground: Ground, name: str) -> bool:
    """Tell whether an exec runs; one that has been seen not to is not asked about again."""
    if name in _ended:
        return False
    try:
        exec_ = call_json(ground.engine.socket, "GET", f"/v1.41/exec/{name}/json")
    except EngineSetupError:  # the engine has forgotten it
        exec_ = {"Running": False}
    # Podman 4 says so of a detached one for minutes after its end.
    runs = bool(exec_["Running"]) and Path("/proc", str(exec_["Pid"])).exists()
    if not runs:
        _ended.add(name)
    return runs


def _pid_namespace(process: Path) -> str:
    with suppress(OSError):
        return str((process / "ns/pid").readlink())
    return ""


def _command(process: Path) -> str:
    with suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def _links(ground: Ground) -> object:
    return {path.name for path in netns.DIRECTORY.glob(f"clab-{ground.lab.name}-*")}


_LOOKS: Mapping[str, Callable[[Ground], object]] = {
    CONTAINERS: _containers,
    NETWORKS: _networks,
    IMAGES: _images,
    PROCESSES: _processes,
    LINKS: _links,
}


@asynccontextmanager
async def open_ground(engine: Engine, *, piece: int = PIECE) -> AsyncGenerator[Ground]:
    """Prepare an engine, and clean up in the end; answers come in pieces of so many bytes."""
    registry = Registry(engine)
    try:
        async with open_lab(engine, config=RuntimeConfig(timeout=LONGEST)) as lab:
            with sliced(engine.endpoint, piece) as endpoint, tempfile.NamedTemporaryFile() as file:
                file.write(os.urandom(COPIED))
                file.flush()
                runtime = runtime_for(engine, endpoint)
                await runtime.init(with_config(lab.runtime.config), with_mgmt_net(lab.runtime.mgmt))
                ground = Ground(lab, runtime, endpoint, Path(file.name), registry)
                try:
                    await ground.furnish()
                    yield ground
                finally:
                    with anyio.CancelScope(shield=True):
                        await runtime.aclose()
                        await ground.without_image()
    finally:
        registry.stop()


@contextmanager
def sliced(endpoint: str, piece: int) -> Generator[str]:
    """Put a proxy before an engine, in a process of its own, whose tasks and descriptors are not ours."""
    command = [sys.executable, "-m", "tests.faults.proxy", endpoint, str(piece)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
