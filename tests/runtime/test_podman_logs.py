"""What Podman's logs need beyond Docker's: timestamps anywhere in a terminal's line, tails that are counted here."""

import json
from struct import pack

import anyio
import pytest

from clab_runtime import LogLine, UnsupportedOperationError
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.log_window import LogWindow
from clab_runtime.runtime.podman_logs import read_logs, without_further_timestamps
from clab_runtime.stream import Stream
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, chunked, fake_engine

FIRST, LATER = b"2026-01-02T03:04:05Z", b"2026-01-02T03:04:06Z"
EARLIER = b"2026-01-02T03:04:04Z"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"short", b"short"),
        (b"aa" + FIRST + b" bb" + LATER + b" cc", b"aabbcc"),
        (FIRST + b" is what was written", FIRST + b" is what was written"),
        (b"at " + EARLIER + b" it was", b"at " + EARLIER + b" it was"),
        (b"aa2026-01-02T03:04:06+01:00 bb", b"aabb"),
        (b"aa" + LATER, b"aa" + LATER),
        (b"aa2026-01-02T03:04:05.1Z bb2026-01-02T03:04:05.123456789Z cc", b"aabbcc"),
        (b"aa2026-01-02T03:04:04.9Z bb", b"aa2026-01-02T03:04:04.9Z bb"),
    ],
)
def test_a_timestamp_inside_a_line_is_taken_out_if_it_can_be_podman_s(text: bytes, expected: bytes) -> None:
    assert without_further_timestamps(text, FIRST) == expected


# ---------------------------------------------------------------- the source


def frames(*lines: bytes) -> bytes:
    return b"".join(pack(">B3xI", 1, len(line)) + line for line in lines)


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
    return read_logs(client, "x", LogWindow(tail=tail), follow=True, timestamps=False)


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
        assert ["tail=1" in request.target for request in fake.requests] == [False, True]


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
