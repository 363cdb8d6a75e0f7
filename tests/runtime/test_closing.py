"""A runtime that is closed, on engines that play scripts: what waits for something else than a connection ends, too."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import pytest

from clab_runtime import ContainerRuntime, EngineConnectionError, MgmtNet, PullPolicy, Stream, with_mgmt_net
from clab_runtime.runtime import measuring
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.podman import PodmanRuntime
from clab_runtime.streams import patience
from tests.conftest import NoLeaks
from tests.engine.fake_engine import PING, Peer, Request, Script, answer, chunked, fake_engine

pytestmark = pytest.mark.anyio

CLOSED = "this client has been closed"
LONG = 3600.0
PODMAN_PING = answer(b"OK", "Api-Version: 1.41", "Server: Libpod/4.3.1 (linux)", "Libpod-Api-Version: 4.3.1")
STATE = {"Id": "x", "Name": "/x", "State": {"Status": "running", "Running": True}, "Config": {"Tty": True}}
FIGURES = {"Error": None, "Stats": [{"ContainerID": "x", "SystemNano": 10**18, "CPUNano": 1, "PIDs": 1}]}
LINE = b"2026-11-26T10:00:00.000000000Z begun\r\n"
MEASURED = b'{"read":"2026-11-26T10:00:00Z"}\n'


def once(piece: bytes, *, then: bytes) -> Script:
    """Tell of the container that it runs; answer the first request for anything else by a piece, the others as told."""
    left = [chunked(piece, end=False)]

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.target.endswith("/x/json"):
            await peer.send(answer(json.dumps(STATE).encode()))
            return
        await peer.send(left.pop() if left else then)
        await peer.hang_up()

    return script


async def one_piece(peer: Peer, request: Request) -> None:
    """Begin every answer, and go on with none."""
    await peer.body(request)
    await peer.send(chunked(b'{"status":"Pulling","id":"a"}\n', end=False))
    await peer.hung_up()


async def measuring_once(peer: Peer, request: Request) -> None:
    await peer.body(request)
    what = FIGURES if "stats" in request.target else STATE
    await peer.send(answer(json.dumps(what).encode()))


@dataclass
class Case:
    """A stream that waits, and the engine that it waits for."""

    make: Callable[[str], ContainerRuntime]
    ping: bytes
    play: Callable[[], Script]
    open: Callable[[ContainerRuntime], Stream[Any]]


CASES: dict[str, Case] = {
    "a log that is to be asked for again": Case(
        DockerRuntime, PING, lambda: once(LINE, then=b""), lambda runtime: runtime.stream_logs("x", give_up_after=LONG)
    ),
    "measurements that are to be asked for again": Case(
        DockerRuntime, PING, lambda: once(MEASURED, then=b"nonsense"), lambda runtime: runtime.stream_stats("x")
    ),
    "measurements that are not due yet": Case(
        PodmanRuntime, PODMAN_PING, lambda: measuring_once, lambda runtime: runtime.stream_stats("x", interval=LONG)
    ),
    "a pull": Case(
        DockerRuntime, PING, lambda: one_piece, lambda runtime: runtime.stream_pull("busybox", PullPolicy.ALWAYS)
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_closing_ends_at_once_what_waits_for_its_next_turn(
    monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks, case: Case
) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE", LONG)
    monkeypatch.setattr(measuring, "_FIRST_DELAY", LONG)
    begun = anyio.Event()

    async def read() -> None:
        async with case.open(runtime) as stream:
            with pytest.raises(EngineConnectionError, match=CLOSED):  # noqa: PT012 - it is the last of the items
                async for _ in stream:
                    begun.set()

    async with no_leaks(), fake_engine(case.play(), ping=case.ping) as fake:
        runtime = case.make(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(MgmtNet(network="x", bridge="y", mtu=1500)))
        with anyio.fail_after(10):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                await begun.wait()
                await anyio.sleep(0.3)  # by now it waits, and nothing tells of that
                fake.requests.clear()
                await runtime.aclose()
        assert not fake.requests
        assert "0 dedicated" in repr(runtime)
