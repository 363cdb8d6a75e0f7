"""Measurements put into ContainerStats, kept for a consumer, and had again after faults."""

import json
import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime import ContainerStats, EngineConnectionError, NotFoundError, Stream
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.models.timestamps import from_nanoseconds, to_nanoseconds
from clab_runtime.runtime import docker_stats, measuring, podman_stats
from clab_runtime.runtime.measuring import StatsSource
from clab_runtime.runtime.stats_board import Part, StatsBoard, cpu_percent
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, chunked, fake_engine

COUNTS = st.integers(0, 2**64)
SECOND = 1_000_000_000
LAST_CHUNK = b"0\r\n\r\n"
EMPTY = b'{"read":"0001-01-01T00:00:00Z","memory_stats":{}}\n'


def figures(moment: int, total: int = 0) -> ContainerStats:
    return ContainerStats(container="", timestamp=from_nanoseconds(0), time_nano=moment, cpu_total_ns=total)


# ---------------------------------------------------------------- the processor's share


@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_the_share_is_never_negative_and_always_a_number(moment: int, total: int, later: int, more: int) -> None:
    share = cpu_percent(figures(moment, total), figures(later, more))
    if later > moment and more >= total:
        assert share is not None
        assert math.isfinite(share)
        assert share >= 0
    else:
        assert share is None, "the clock, or the counter, went back"


@pytest.mark.parametrize(("used", "expected"), [(0, 0), (SECOND // 2, 25), (2 * SECOND, 100), (4 * SECOND, 200)])
def test_a_whole_cpu_is_a_hundred(used: int, expected: float) -> None:
    assert cpu_percent(figures(SECOND, 7), figures(3 * SECOND, 7 + used)) == expected


def test_a_first_measurement_has_none() -> None:
    assert cpu_percent(None, figures(1, 1)) is None


# ---------------------------------------------------------------- what engines say


def docker(**words: object) -> ContainerStats:
    wire = {"read": "2026-11-26T16:10:33.230804089Z", **words}
    found = docker_stats.figures_of(msgspec.json.decode(json.dumps(wire), type=schema.Stats))
    assert found is not None
    return found


def test_the_time_of_a_measurement_is_kept_to_the_nanosecond() -> None:
    assert docker().time_nano % SECOND == 230804089
    assert docker().timestamp.microsecond == 230804
    assert to_nanoseconds("1970-01-01T00:00:01.5Z") == 1_500_000_000
    assert to_nanoseconds("1970-01-01T01:00:01+01:00") == SECOND


@pytest.mark.parametrize(
    ("memory", "used"),
    [
        ({"usage": 100, "limit": 1000, "stats": {"total_inactive_file": 30, "inactive_file": 7}}, 70),
        ({"usage": 100, "limit": 1000, "stats": {"inactive_file": 30}}, 70),
        ({"usage": 100, "limit": 1000, "stats": {"inactive_file": 100}}, 100),
        ({"usage": 100, "limit": 1000}, 100),
        ({"usage": 100, "limit": 1000, "stats": None}, 100),
    ],
)
def test_memory_is_what_docker_stats_shows(memory: dict[str, object], used: int) -> None:
    found = docker(memory_stats=memory)
    assert (found.memory_usage, found.memory_limit, found.memory_percent) == (used, 1000, used / 10)


def test_what_an_engine_does_not_say_is_none_or_nothing() -> None:
    found = docker(networks=None, blkio_stats={"io_service_bytes_recursive": None}, pids_stats={})
    assert (found.memory_limit, found.memory_percent, found.online_cpus) == (None, None, None)
    assert (found.rx_bytes, found.block_read_bytes, found.pids, found.interfaces) == (0, 0, 0, {})


def test_bytes_are_summed_over_interfaces_and_devices() -> None:
    entries = [{"major": 8, "op": op, "value": 5} for op in ("Read", "read", "Write", "Sync", "Total")]
    networks = {"eth0": {"rx_bytes": 1, "tx_bytes": 20}, "eth1": {"rx_bytes": 3, "tx_bytes": 400}}
    found = docker(networks=networks, blkio_stats={"io_service_bytes_recursive": entries})
    assert (found.block_read_bytes, found.block_write_bytes) == (10, 5)
    assert (found.rx_bytes, found.tx_bytes) == (4, 420)
    assert found.interfaces["eth1"].tx_bytes == 400


def test_podman_before_4_4_has_the_directions_swapped() -> None:
    stats = schema.LibpodStats(system_nano=1, net_input=5, net_output=7)
    swapped, right = podman_stats.figures_of(stats, swapped=True), podman_stats.figures_of(stats, swapped=False)
    assert (swapped.rx_bytes, swapped.tx_bytes) == (7, 5)
    assert (right.rx_bytes, right.tx_bytes) == (5, 7)


# ---------------------------------------------------------------- the board


def board_of(*names: str, interval: float = 0.1) -> tuple[StatsBoard, Sequence[Part]]:
    parts = [Part(name, name, f"id of {name}") for name in names]
    return StatsBoard(parts, interval), parts


async def taken(board: StatsBoard) -> ContainerStats:
    items = await board.take()
    assert items is not None
    return items[0]


@pytest.mark.anyio
async def test_a_slow_consumer_gets_the_latest_of_each_and_nothing_queues_up() -> None:
    board, (one, two) = board_of("one", "two")
    for second in range(1, 100):
        board.put(one, figures(second * SECOND, second * SECOND // 2))
        board.put(two, figures(second * SECOND))
    board.complete()
    items = [await taken(board), await taken(board)]
    assert [(item.container, item.time_nano, item.cpu_percent) for item in items] == [
        ("one", 99 * SECOND, 50),
        ("two", 99 * SECOND, 0),
    ]
    assert await board.take() is None


@pytest.mark.anyio
async def test_the_end_comes_with_the_last_figures_and_an_error_behind_what_has_come() -> None:
    board, (one, two) = board_of("one", "two")
    board.put(one, figures(SECOND, 5))
    board.end(one)
    board.end(two)
    assert board.running == []
    board.complete(NotFoundError(404, "no", "GET", "/"))
    last, zeros = await taken(board), await taken(board)
    assert (last.container, last.ended, last.cpu_total_ns, last.cpu_percent) == ("one", True, 5, None)
    assert (zeros.container, zeros.ended, zeros.time_nano) == ("two", True, 0)
    with pytest.raises(NotFoundError):
        await board.take()


@pytest.mark.anyio
async def test_what_comes_too_early_is_left_out_unless_the_clock_went_back() -> None:
    board, (one,) = board_of("one", interval=2)
    for moment in (10, 11, 12, 13, 5):
        board.put(one, figures(moment * SECOND, moment * SECOND))
        if moment != 13:
            continue
        item = await taken(board)
        assert (item.time_nano, item.cpu_percent) == (12 * SECOND, 100)
    item = await taken(board)
    assert (item.time_nano, item.cpu_percent) == (5 * SECOND, None)


# ---------------------------------------------------------------- faults


class Engine:
    """An engine whose containers run until they are told not to."""

    def __init__(self, *answers: bytes) -> None:
        self.running = {"a", "b"}
        self.asked = 0
        self._answers = list(answers)

    async def __call__(self, peer: Peer, request: Request) -> None:
        if request.target.endswith("/json"):
            name = request.target.split("/")[-2]
            state = {"Id": name, "Name": f"/{name}", "State": {"Running": name in self.running}}
            await peer.send(answer(json.dumps(state).encode()))
            return
        self.asked += 1
        given = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await peer.send(given)
        if b"chunked" in given and not given.endswith(LAST_CHUNK):
            await peer.hang_up()


def line(second: int, total: int = 0) -> bytes:
    wire = {"read": f"2026-11-26T16:10:{second:02}Z", "cpu_stats": {"cpu_usage": {"total_usage": total}}}
    return json.dumps(wire).encode() + b"\n"


@asynccontextmanager
async def measured(engine: Engine) -> AsyncGenerator[tuple[EngineClient, Stream[ContainerStats]]]:
    """Give what measures one container, and its client."""
    async with (
        fake_engine(engine) as fake,
        EngineClient(fake.endpoint) as client,
        Stream(StatsSource(client, docker_stats.follow, ["a"], 0.1)) as stats,
    ):
        yield client, stats


@pytest.mark.anyio
async def test_a_cut_connection_costs_measurements_only(no_leaks: NoLeaks) -> None:
    engine = Engine(
        chunked(line(1), line(2), end=False),
        chunked(line(9)[:20], end=False),
        chunked(line(4, 2 * SECOND)),
        chunked(EMPTY, EMPTY),
    )
    async with no_leaks():
        async with measured(engine) as (_, stats):
            seen: list[ContainerStats] = []
            with anyio.fail_after(10):
                async for item in stats:
                    seen.append(item)
                    if item.time_nano % (60 * SECOND) == 4 * SECOND:
                        engine.running.clear()
        assert [item.ended for item in seen] == [False] * (len(seen) - 1) + [True]
        assert seen[-2].cpu_percent == 100
        assert engine.asked >= 3


@pytest.mark.anyio
async def test_a_long_silence_is_an_error(monkeypatch: pytest.MonkeyPatch, no_leaks: NoLeaks) -> None:
    monkeypatch.setattr(measuring, "GIVE_UP_AFTER", 0.2)
    engine = Engine(chunked(line(1)), chunked(b"nonsense"))
    async with no_leaks(), measured(engine) as (_, stats):
        with anyio.fail_after(10):
            assert (await anext(stats)).container == "a"
            with pytest.raises(EngineConnectionError, match=r"no measurement for 0\.2 s: .*nonsense"):
                await anext(stats)


@pytest.mark.anyio
async def test_a_client_that_is_closed_is_not_waited_for(no_leaks: NoLeaks) -> None:
    engine = Engine(chunked(line(1)))
    async with no_leaks(), measured(engine) as (client, stats):
        with anyio.fail_after(10):
            await anext(stats)
            await client.aclose()
            with pytest.raises(EngineConnectionError, match="closed"):
                async for _ in stats:
                    pass


def report(*names: str, moment: int = SECOND) -> bytes:
    stats = [{"ContainerID": name, "SystemNano": moment, "CPUNano": 1, "PIDs": 1} for name in names]
    return answer(json.dumps({"Error": None, "Stats": stats}).encode())


@pytest.mark.anyio
async def test_one_that_vanishes_from_podman_4_does_not_take_the_others_along(no_leaks: NoLeaks) -> None:
    ping = answer(b"OK", "Api-Version: 1.41", "Server: Libpod/4.3.1", "Libpod-Api-Version: 4.3.1")
    error = answer(b'{"Error":{},"Stats":null}')
    engine = Engine(report("a", "b"), error, report("b", moment=2 * SECOND), report("b", moment=3 * SECOND))
    async with no_leaks(), fake_engine(engine, ping=ping) as fake, EngineClient(fake.endpoint) as client:
        source = StatsSource(client, podman_stats.follow, ("a", "b"), 0.1)
        async with Stream(source) as stats:
            with anyio.fail_after(10):
                assert [(await anext(stats)).container for _ in range(2)] == ["a", "b"]
                engine.running.discard("a")
                ended = await anext(stats)
                assert (ended.container, ended.ended, ended.pids) == ("a", True, 1)
                after = await anext(stats)
                assert (after.container, after.time_nano) == ("b", 2 * SECOND)
        targets = [request.target for request in fake.requests if "stats" in request.target]
        assert targets[0].endswith("/libpod/containers/stats?containers=a&containers=b&stream=0")
        assert targets[2].endswith("/libpod/containers/stats?containers=b&stream=0")
