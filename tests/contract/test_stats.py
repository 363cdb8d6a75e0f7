"""What containers use, on real engines."""

import math
from datetime import UTC, datetime, timedelta

import anyio
import msgspec
import pytest

from clab_runtime import (
    ContainerExitedError,
    ContainerStats,
    EndpointlessNode,
    ExecCmd,
    InvalidValueError,
    NotFoundError,
    Stream,
    UnsupportedOperationError,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import LIMIT, Lab, cancelled, open_lab, within
from tests.contract.looking import Record
from tests.engines import Engine

pytestmark = pytest.mark.anyio

BUSY = "sh -c 'while :; do :; done'"
PIECE = 1000
"""Bytes of a ping's data."""


def check(item: ContainerStats, name: str) -> None:
    """See that a measurement of a container that runs makes sense."""
    assert (item.container, item.name, item.ended) == (name, name, False)
    assert len(item.id) == 64
    assert abs(datetime.now(UTC) - item.timestamp) < timedelta(minutes=1)
    assert item.timestamp.timestamp() == pytest.approx(item.time_nano / 1e9, abs=1e-5)
    assert item.pids >= 1
    assert item.memory_limit is not None
    assert item.memory_percent is not None
    assert 0 < item.memory_usage < item.memory_limit
    assert 0 < item.memory_percent < 100
    assert item.cpu_percent is None or (math.isfinite(item.cpu_percent) and item.cpu_percent >= 0)


async def measured(stats: Stream[ContainerStats]) -> ContainerStats:
    item: ContainerStats = await within(stats.__anext__)
    return item


async def until_ended(stats: Stream[ContainerStats], name: str) -> ContainerStats:
    """Read until a container has ended."""
    with anyio.fail_after(LIMIT):
        while not ((item := await anext(stats)).ended and item.container == name):
            check(item, item.container)
    return item


async def until_measured(stats: Stream[ContainerStats], names: set[str]) -> None:
    """Read until each of these, and no other, has been measured."""
    seen: set[str] = set()
    while seen != names:
        item = await measured(stats)
        check(item, item.container)
        assert item.container in names
        seen.add(item.container)


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("get_stats")
async def test_one_measurement_tells_all_but_the_processors_share(lab: Lab) -> None:
    name = await lab.up("r1", BUSY)
    item = await lab.runtime.get_stats(name)
    check(item, name)
    assert item.cpu_percent is None
    assert (item.rx_bytes, item.tx_bytes, item.interfaces) == (0, 0, {})
    by_id = await lab.runtime.get_stats(item.id)
    assert (by_id.container, by_id.name, by_id.id) == (item.id, name, item.id)
    assert by_id.time_nano > item.time_nano
    assert by_id.cpu_total_ns >= item.cpu_total_ns > 0


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("stream_stats")
async def test_a_busy_container_uses_the_processor_and_an_idle_one_less(lab: Lab) -> None:
    busy, idle = await lab.up("busy", BUSY), await lab.up("idle")
    seen: dict[str, list[ContainerStats]] = {busy: [], idle: []}
    async with lab.runtime.stream_stats([busy, idle], interval=0.3) as stats:
        while min(map(len, seen.values())) < 3:
            item = await measured(stats)
            check(item, item.container)
            seen[item.container].append(item)
    for items in seen.values():
        assert items[0].cpu_percent is None
        assert all(item.cpu_percent is not None for item in items[1:])
        moments = [item.time_nano for item in items]
        assert moments == sorted(set(moments))
    share = seen[busy][-1].cpu_percent
    assert share is not None
    assert 0 < share < 100 * 1.5, "it has one thread"
    spent = {name: items[-1].cpu_total_ns - items[0].cpu_total_ns for name, items in seen.items()}
    assert spent[busy] > spent[idle] >= 0


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("get_stats", "stream_stats")
async def test_what_goes_through_the_network_is_counted_in_its_direction(lab: Lab, differs: Differs) -> None:
    await lab.runtime.create_net()
    node = msgspec.structs.replace(lab.node(network_mode=""), cap_add=("NET_ADMIN",))
    await lab.start(node)
    gateway = lab.runtime.mgmt.ipv4_gw
    nobody = gateway.rpartition(".")[0] + ".250"

    async def ping(address: str) -> None:
        command = f"ping -q -c 5 -i 0.1 -s {PIECE} -W 1 {address}"
        assert "5 packets transmitted" in (await lab.runtime.exec(node.long_name, ExecCmd(command))).stdout_text

    before = await lab.runtime.get_stats(node.long_name)
    await ping(gateway)
    answered = await lab.runtime.get_stats(node.long_name)
    assert answered.rx_bytes - before.rx_bytes > 5 * PIECE
    assert answered.tx_bytes - before.tx_bytes > 5 * PIECE
    neighbour = f"arp -s {nobody} 02:00:00:00:00:01"
    assert (await lab.runtime.exec(node.long_name, ExecCmd(neighbour))).exit_code == 0
    await ping(nobody)
    sent = await lab.runtime.get_stats(node.long_name)
    assert sent.tx_bytes - answered.tx_bytes > 5 * PIECE
    assert sent.rx_bytes - answered.rx_bytes < 5 * PIECE
    if differs("bytes by interface") is None:
        assert sent.interfaces.keys() == {"eth0"}
        assert (sent.interfaces["eth0"].rx_bytes, sent.interfaces["eth0"].tx_bytes) == (sent.rx_bytes, sent.tx_bytes)
    else:
        assert sent.interfaces == {}


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("stream_stats")
async def test_one_that_ends_says_so_the_others_go_on_and_the_stream_ends_with_the_last(lab: Lab) -> None:
    first, second, third = [await lab.up(name, BUSY) for name in ("a", "b", "c")]
    async with lab.runtime.stream_stats([first, second, third], interval=0.1) as stats:
        await until_measured(stats, {first, second, third})
        await lab.runtime.stop_container(first, "KILL")
        last = await until_ended(stats, first)
        assert (last.name, last.cpu_percent) == (first, None)
        assert last.memory_usage > 0, "the figures are the last ones"
        await until_measured(stats, {second, third})
        await lab.runtime.delete_container(second)
        assert (await until_ended(stats, second)).name == second
        assert (await measured(stats)).container == third
        await lab.runtime.delete_container(third)
        await until_ended(stats, third)
        with pytest.raises(StopAsyncIteration):
            await measured(stats)


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("stream_stats")
async def test_one_that_is_started_again_is_measured_from_its_new_beginning(lab: Lab) -> None:
    name = await lab.up("r1", "sh -c 'while :; do test -e /tmp/rest && sleep 1000; done'")
    async with lab.runtime.stream_stats(name, interval=0.1) as stats:
        before = await measured(stats)
        await lab.runtime.exec(name, ExecCmd("touch /tmp/rest"))
        await lab.runtime.stop_container(name, "KILL")
        await until_ended(stats, name)
    await lab.runtime.start_container(name, EndpointlessNode(lab.node()))
    async with lab.runtime.stream_stats(name) as stats:
        again = await measured(stats)
    assert again.cpu_percent is None
    assert again.id == before.id


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("get_stats", "stream_stats")
async def test_one_that_does_not_run_or_is_not_there_is_a_typed_error(lab: Lab) -> None:
    ended, created, running = await lab.ended("echo bye; exit 3", tty=True), lab.node("new"), await lab.up("r2")
    await lab.runtime.create_container(created)
    for name in (ended, created.long_name):
        with pytest.raises(ContainerExitedError) as info:
            await lab.runtime.get_stats(name)
        with pytest.raises(ContainerExitedError):
            async with lab.runtime.stream_stats([running, name]):
                pass
        assert info.value.container == name
    with pytest.raises(ContainerExitedError) as info:
        await lab.runtime.get_stats(ended)
    assert (info.value.exit_code, info.value.last_lines) == (3, (b"bye",))
    with pytest.raises(NotFoundError):
        await lab.runtime.get_stats("nobody")
    with pytest.raises(NotFoundError):
        await measured(lab.runtime.stream_stats([running, "nobody"]))


@pytest.mark.rooted  # see test_rights
async def test_a_frozen_container_is_measured_and_has_no_share(lab: Lab) -> None:
    name = await lab.up("r1", BUSY)
    await lab.runtime.pause_container(name)
    async with lab.runtime.stream_stats(name, interval=0.1) as stats:
        await measured(stats)
        item = await measured(stats)
    check(item, name)
    assert item.cpu_percent == pytest.approx(0, abs=1)
    await lab.runtime.unpause_container(name)


async def test_what_can_not_be_right_is_refused_before_any_request(lab: Lab) -> None:
    for interval in (0, 0.05, -1, math.nan, True):
        with pytest.raises(InvalidValueError, match="interval"):
            lab.runtime.stream_stats("r1", interval=interval)
    for names in ([], [""], ["r1", " "], ""):
        with pytest.raises(InvalidValueError, match="containers"):
            lab.runtime.stream_stats(names)


@pytest.mark.rooted  # see test_rights
async def test_a_container_that_is_named_twice_is_measured_once(lab: Lab) -> None:
    name = await lab.up()
    full_id = (await lab.client.containers.inspect(name)).id
    async with lab.runtime.stream_stats([name, full_id, name], interval=0.1) as stats:
        for _ in range(3):
            check(await measured(stats), name)


@pytest.mark.rooted  # see test_rights
async def test_closing_and_cancelling_leave_nothing(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        stats = lab.runtime.stream_stats([name], interval=0.1)
        assert await cancelled(lambda: anext(stats), anyio.lowlevel.checkpoint)
        check(await measured(stats), name)
        ended: list[bool] = []

        async def read() -> None:
            async for _ in stats:
                pass
            ended.append(True)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            await stats.aclose()
        assert ended == [True]
        assert "0 dedicated" in repr(lab.runtime)
        async with lab.runtime.stream_stats(name):  # nobody reads it
            await anyio.sleep(0.05)
        for _ in range(10):  # a call may be over first, where all answers are there before they are waited for
            await cancelled(lambda: lab.runtime.get_stats(name), anyio.lowlevel.checkpoint)


@pytest.mark.rootless
@pytest.mark.proves("get_stats", "stream_stats")
async def test_a_rootless_engine_without_cgroups_refuses_to_measure(lab: Lab, record_property: Record) -> None:
    record_property("cannot", "a rootless Podman measures nothing where cgroups are those of version 1")
    name = await lab.up()
    with pytest.raises(UnsupportedOperationError, match="measuring containers when rootless"):
        await lab.runtime.get_stats(name)
    with pytest.raises(UnsupportedOperationError, match="measuring containers when rootless"):
        await measured(lab.runtime.stream_stats(name))
