"""Logs on real engines that outlast their connections and their containers' runs, and those of many containers."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from clab_runtime import InvalidValueError, NotFoundError
from tests.conftest import NoLeaks
from tests.contract.another import behind_proxy
from tests.contract.differences import Differs
from tests.contract.lab import Lab, lines_of, open_lab, within
from tests.engines import Engine
from tests.faults.proxy import LOGS

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("tty", [True, False], ids=["tty", "plain"])
BURSTS, BURST = 20, 50
WRITER = (
    f"i=0; while [ $i -lt {BURSTS} ]; do seq $((i*{BURST})) $((i*{BURST}+{BURST - 1})); "
    "i=$((i+1)); usleep 20000; done; echo last"
)
RUN = 'echo begun; trap "echo ended; exit 0" TERM; while :; do sleep 1000 & wait $!; done'
MEGABYTE = 1_000_000


@pytest.mark.proves("stream_logs")
@BOTH
async def test_a_log_that_is_cut_again_and_again_has_each_line_once(
    engine: Engine, no_leaks: NoLeaks, *, tty: bool
) -> None:
    async with no_leaks(), open_lab(engine) as lab, behind_proxy(engine) as (proxy, runtime):
        name = await lab.run_script(WRITER, tty=tty)
        lines: list[str] = []
        async with runtime.stream_logs(name) as log:
            with anyio.fail_after(60):
                async for line in log:
                    lines.append(line.text)
                    assert line.timestamp is None
                    if len(lines) % 130 == 0:
                        proxy.cut(LOGS)
        assert lines == [*map(str, range(BURSTS * BURST)), "last"]
        asked = proxy.asked(LOGS)
        assert asked > 2, "one answer, and one more at the end, are enough where nothing is cut"
        proxy.cut_after(9000, LOGS)
        whole = await lines_of(runtime.stream_logs(name, follow=False, timestamps=True))
        assert [line.text for line in whole] == lines
        assert proxy.asked(LOGS) == asked + 2


@BOTH
async def test_a_silent_log_that_is_cut_goes_on(lab: Lab, *, tty: bool) -> None:
    script = "echo one; while ! test -e /tmp/go; do usleep 10000; done; echo two"
    async with behind_proxy(lab.engine) as (proxy, runtime):
        name = await lab.run_script(script, tty=tty)
        await lab.until_said(name, b"one")
        async with runtime.stream_logs(name) as all_of_it, runtime.stream_logs(name, tail=0) as new:
            assert (await within(all_of_it.__anext__)).data == b"one"
            with anyio.move_on_after(0.2):
                await anext(new)
            assert proxy.cut(LOGS) == 2
            await lab.client.containers.put_archive(name, "/tmp", archive_of("go"))
            assert [line.data for line in await lines_of(all_of_it)] == [b"two"]
            assert [line.data for line in await lines_of(new)] == [b"two"]


async def archive_of(name: str) -> AsyncGenerator[bytes]:
    """Write an archive with one empty file."""
    header = bytearray(512)
    header[: len(name)] = name.encode()
    header[100:108], header[124:136], header[148:156] = b"0000644\0", b"00000000000\0", b" " * 8
    header[156] = ord("0")
    header[148:156] = b"%06o\0 " % sum(header)
    yield bytes(header) + bytes(1024)


@BOTH
async def test_a_line_of_a_megabyte_comes_whole_though_it_is_cut(lab: Lab, *, tty: bool) -> None:
    script = (
        f"head -c {MEGABYTE} /dev/zero | tr '\\0' x; echo; echo short; head -c {MEGABYTE} /dev/zero | tr '\\0' y; echo"
    )
    name = await lab.ended(script, tty=tty)
    async with behind_proxy(lab.engine) as (proxy, runtime):
        for most in (400_000, 1_500_000):
            asked = proxy.asked(LOGS)
            proxy.cut_after(most, LOGS)
            lines = await lines_of(runtime.stream_logs(name))
            sizes = [(len(line.data), line.data[:1], len(set(line.data))) for line in lines]
            assert sizes == [(MEGABYTE, b"x", 1), (5, b"s", 5), (MEGABYTE, b"y", 1)]
            # Podman may end what is followed a little early, in place of the cut.
            fewest = 2 if lab.engine.kind == "podman" else 3
            assert fewest <= proxy.asked(LOGS) - asked <= 3, "cut, whole, and once more at the end"


@BOTH
async def test_a_log_goes_on_when_its_container_is_started_again(
    engine: Engine, no_leaks: NoLeaks, *, tty: bool
) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.run_script(RUN, tty=tty)
        async with lab.runtime.stream_logs(name, follow_restarts=True) as log:
            assert (await within(log.__anext__)).data == b"begun"
            for _ in range(2):
                await lab.runtime.stop_container(name)
                assert (await within(log.__anext__)).data == b"ended"
                with anyio.move_on_after(0.05) as scope:
                    await anext(log)
                assert scope.cancelled_caught
                await lab.client.containers.start(name)
                assert (await within(log.__anext__)).data == b"begun"
            await lab.runtime.stop_container(name)
            assert (await within(log.__anext__)).data == b"ended"
            await lab.remove(name)
            with pytest.raises(StopAsyncIteration):
                await within(log.__anext__)


@pytest.mark.proves("stream_logs")
async def test_a_restart_policy_s_runs_are_one_log(lab: Lab, differs: Differs) -> None:
    script = "echo begun; usleep 100000; echo ended; test -e /tmp/3 && exit 0; test -e /tmp/2 && touch /tmp/3; "
    script += "touch /tmp/2; exit 1"
    name = await lab.ended("true", tty=False)
    await lab.remove(name)
    name = await lab.plain(script, restart="on-failure")
    async with lab.runtime.stream_logs(name, follow_restarts=True) as log:
        lines = [(await within(log.__anext__)).text for _ in range(6)]
        if differs("order over a restart policy"):
            assert sorted(lines) == ["begun"] * 3 + ["ended"] * 3
        else:
            assert lines == ["begun", "ended"] * 3
        await lab.remove(name)
        with pytest.raises(StopAsyncIteration):
            await within(log.__anext__)


async def test_restarts_take_following(lab: Lab) -> None:
    with pytest.raises(InvalidValueError, match="follow_restarts"):
        lab.runtime.stream_logs("nobody", follow=False, follow_restarts=True)


# ---------------------------------------------------------------- many containers


@pytest.mark.proves("merge_logs")
async def test_the_logs_of_five_containers_are_one_in_the_order_of_time(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        script = "i=0; while [ $i -lt 60 ]; do echo $i; i=$((i+1)); usleep 15000; done"
        names = [await lab.run_script(script, tty=True, short_name=f"r{index}") for index in range(5)]
        for follow in (True, False):
            with anyio.fail_after(60):
                async with lab.runtime.merge_logs(names, follow=follow, timestamps=True) as log:
                    lines = [line async for line in log]
            for name in names:
                assert [line.text for line in lines if line.container == name] == [*map(str, range(60))]
        moments = [line.time for line in lines if line.time is not None]
        assert len(moments) == 300
        assert moments == sorted(moments)


@pytest.mark.proves("merge_logs")
async def test_a_silent_container_holds_nobody_up(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab, behind_proxy(engine) as (proxy, runtime):
        silent = await lab.up("silent")
        name = await lab.run_script(WRITER, tty=True)
        async with runtime.merge_logs([silent, name]) as log:
            lines = [await within(log.__anext__) for _ in range(BURST)]
            assert proxy.cut(LOGS) == 2
            lines += [await within(log.__anext__) for _ in range((BURSTS - 1) * BURST)]
        assert [line.text for line in lines] == [*map(str, range(BURSTS * BURST))]
        assert {(line.container, line.timestamp) for line in lines} == {(name, None)}


async def test_a_container_that_is_not_there_is_an_error_of_all(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        with pytest.raises(NotFoundError):
            await lines_of(lab.runtime.merge_logs([name, "nobody"]))  # type: ignore[arg-type]
        assert "0 dedicated" in repr(lab.runtime)
        with pytest.raises(InvalidValueError, match="containers"):
            lab.runtime.merge_logs([name, name])
        with pytest.raises(InvalidValueError, match="containers"):
            lab.runtime.merge_logs(name)


async def test_closing_or_cancelling_a_merged_log_leaves_nothing(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        names = [await lab.up(f"r{index}") for index in range(2)]
        with anyio.move_on_after(0.3):
            async with lab.runtime.merge_logs(names) as log:
                await anext(log)
        assert "0 dedicated" in repr(lab.runtime)
        log = lab.runtime.merge_logs(names)

        async def read() -> None:
            assert [line async for line in log] == []

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(read)
                await anyio.sleep(0.2)
                await log.aclose()
        assert "0 dedicated" in repr(lab.runtime)
