"""What Podman's logs need beyond Docker's: answers that come late, tails that are counted here."""

import json

import anyio
import pytest

from clab_runtime import LogLine, UnsupportedOperationError
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.podman_logs import PodmanLogOrigin
from clab_runtime.stream import Stream
from clab_runtime.streams.lasting_log import LastingLog
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, chunked, fake_engine, frame

STAMP = b"2026-01-02T03:04:05Z "

# ---------------------------------------------------------------- the source


def frames(*lines: bytes) -> bytes:
    return b"".join(frame(1, STAMP + line) for line in lines)


def ping(version: str) -> bytes:
    return answer(b"OK", "Api-Version: 1.41", f"Server: Libpod/{version}", f"Libpod-Api-Version: {version}")


class Log:
    """A container's log, which one that follows it is told only once there is a further line."""

    def __init__(self, *lines: bytes, driver: str = "k8s-file") -> None:
        self.asked = anyio.Event()
        self.written = anyio.Event()
        self._lines = lines
        self._driver = driver

    async def __call__(self, peer: Peer, request: Request) -> None:
        if request.target.endswith("/json"):
            config = {"Id": "x", "Config": {"Tty": False}, "HostConfig": {"LogConfig": {"Type": self._driver}}}
            await peer.send(answer(json.dumps(config).encode()))
        elif "follow=1" not in request.target:
            await peer.send(chunked(frames(*self._lines)))
        else:
            self.asked.set()
            await self.written.wait()
            await peer.send(chunked(frames(*self._lines, b"new\n")))


def followed(client: EngineClient, tail: int | None = None) -> Stream[LogLine]:
    origin = PodmanLogOrigin(client, "x", LogWish(tail=tail))
    return Stream(LastingLog(origin, follow=True, timestamps=False))


@pytest.mark.anyio
async def test_following_begins_though_podman_answers_only_with_the_first_line(no_leaks: NoLeaks) -> None:
    log = Log()
    async with (
        no_leaks(),
        fake_engine(log, ping=ping("4.3.1")) as fake,
        EngineClient(fake.endpoint) as client,
        followed(client) as lines,
    ):
        with anyio.move_on_after(0.05) as scope:
            await anext(lines)
        assert scope.cancelled_caught, "there is nothing yet"
        log.written.set()
        assert [line.data async for line in lines] == [b"new"]


@pytest.mark.anyio
async def test_closing_ends_the_wait_for_the_answer(no_leaks: NoLeaks) -> None:
    log = Log()
    async with no_leaks(), fake_engine(log, ping=ping("4.3.1")) as fake, EngineClient(fake.endpoint) as client:
        lines = followed(client)

        async def read() -> None:
            assert [line async for line in lines] == []

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await log.asked.wait()
            await lines.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("tail", "expected"),
    [(0, []), (1, [b"two"]), (2, [b"one", b"two"]), (9, [b"one", b"two"]), (None, [b"one", b"two"])],
)
async def test_podman_4_s_tail_is_counted_once_and_what_comes_later_is_all_told(
    tail: int | None, expected: list[bytes]
) -> None:
    log = Log(b"one\n", b"tw", b"o\n")
    async with fake_engine(log, ping=ping("4.3.1")) as fake, EngineClient(fake.endpoint) as client:
        async with followed(client, tail) as lines:
            log.written.set()
            assert [line.data async for line in lines] == [*expected, b"new"]
        assert not [request for request in fake.requests if "tail" in request.target]


@pytest.mark.anyio
async def test_podman_5_is_asked_for_the_tail() -> None:
    log = Log(b"one\n")
    log.written.set()
    async with fake_engine(log, ping=ping("5.4.2")) as fake, EngineClient(fake.endpoint) as client:
        async with followed(client, 1) as lines:
            assert len([line async for line in lines]) == 2
        logs = [request.target for request in fake.requests if "/logs" in request.target]
        assert ["tail=1" in target for target in logs] == [True, True, False]
        assert ["follow=1" in target for target in logs] == [False, True, False], "the end, then all, then what is left"


@pytest.mark.anyio
@pytest.mark.parametrize("driver", ["none", "passthrough"])
async def test_a_log_that_is_not_kept_is_not_asked_for(driver: str) -> None:
    async with (
        fake_engine(Log(driver=driver), ping=ping("5.4.2")) as fake,
        EngineClient(fake.endpoint) as client,
    ):
        with pytest.raises(UnsupportedOperationError, match=f"the log driver '{driver}'"):
            await anext(followed(client))
        assert len(fake.requests) == 1
