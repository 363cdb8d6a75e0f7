"""Logs on real engines: of containers with a terminal, which nodes have, and of those without one."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import anyio
import pytest
from anyio.lowlevel import checkpoint

from clab_runtime import (
    EngineInternalError,
    ExecCmd,
    InvalidValueError,
    LogLine,
    NotFoundError,
    Stream,
    StreamName,
    UnsupportedOperationError,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import LIMIT, Lab, cancelled, lines_of, open_lab, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("tty", [True, False], ids=["tty", "plain"])
LONG = 50_000
"""Bytes of a line that engines keep in several pieces."""


def data(lines: list[LogLine]) -> list[bytes]:
    return [line.data for line in lines]


# ---------------------------------------------------------------- what was written


@pytest.mark.proves("stream_logs")
@BOTH
async def test_a_log_has_its_lines_to_the_last_byte_and_is_complete(lab: Lab, *, tty: bool) -> None:
    name = await lab.ended(r"echo one; echo; printf 'a\t\303\244\n'; printf 'last'", tty=tty)
    for follow in (True, False):
        lines = await lines_of(lab.runtime.stream_logs(name, follow=follow))
        assert data(lines) == [b"one", b"", "a\tä".encode(), b"last"]
        assert {(line.stream, line.timestamp) for line in lines} == {(StreamName.STDOUT, None)}


async def test_what_went_to_the_standard_error_says_so(lab: Lab) -> None:
    name = await lab.ended("echo out; sleep 0.1; echo err >&2", tty=False)
    lines = await lines_of(lab.runtime.stream_logs(name))
    assert [(line.stream, line.text) for line in lines] == [(StreamName.STDOUT, "out"), (StreamName.STDERR, "err")]


@BOTH
async def test_a_silent_container_has_an_empty_log(lab: Lab, *, tty: bool) -> None:
    assert await lines_of(lab.runtime.stream_logs(await lab.ended("true", tty=tty))) == []


@BOTH
@pytest.mark.parametrize("timestamps", [False, True], ids=["bare", "timestamps"])
async def test_a_long_line_comes_whole_as_one(lab: Lab, *, tty: bool, timestamps: bool) -> None:
    script = f"head -c {LONG} /dev/zero | tr '\\0' x; echo; echo short; head -c {LONG} /dev/zero | tr '\\0' y"
    name = await lab.ended(script, tty=tty)
    lines = await lines_of(lab.runtime.stream_logs(name, timestamps=timestamps))
    assert [(len(line.data), set(line.data)) for line in lines[:1] + lines[2:]] == [(LONG, {120}), (LONG, {121})]
    assert lines[1].data == b"short"
    assert all((line.time is not None) is timestamps for line in lines)


@pytest.mark.proves("stream_logs")
@BOTH
async def test_a_line_says_when_it_was_written(lab: Lab, differs: Differs, *, tty: bool) -> None:
    coarse = differs("a log line's time") is not None
    name = await lab.ended(f"echo one; sleep {1.1 if coarse else 0.1}; echo two words", tty=tty)
    one, two = await lines_of(lab.runtime.stream_logs(name, timestamps=True))
    assert (one.data, two.data) == (b"one", b"two words")
    assert one.time is not None
    assert two.time is not None
    assert timedelta(seconds=0.05) < two.time - one.time < timedelta(seconds=10)
    assert abs(datetime.now(UTC) - one.time) < timedelta(minutes=1)


# ---------------------------------------------------------------- parts of it


@pytest.mark.proves("stream_logs")
@BOTH
async def test_the_tail_is_so_many_lines(lab: Lab, *, tty: bool) -> None:
    name = await lab.ended("seq 5", tty=tty)
    for tail, expected in ((0, []), (2, [b"4", b"5"]), (9, [b"1", b"2", b"3", b"4", b"5"])):
        assert data(await lines_of(lab.runtime.stream_logs(name, tail=tail))) == expected


@BOTH
async def test_the_last_line_counts_without_an_ending_and_a_long_one_counts_once(
    lab: Lab, differs: Differs, *, tty: bool
) -> None:
    name = await lab.ended(f"head -c {LONG} /dev/zero | tr '\\0' x; echo; printf last", tty=tty)
    assert data(await lines_of(lab.runtime.stream_logs(name, tail=1))) == [b"last"]
    *_, long, last = data(await lines_of(lab.runtime.stream_logs(name, tail=2, follow=False)))
    assert (set(long), last) == (set(b"x"), b"last")
    assert len(long) == LONG or differs("tail of a long line")


async def test_the_tail_of_what_goes_on_is_counted_once(lab: Lab) -> None:
    name = await lab.up("r1", "sh -c 'echo one; echo two; while ! test -e /tmp/go; do :; done; echo three'")
    await lab.until_said(name, b"two")
    async with lab.runtime.stream_logs(name, tail=1) as log:
        assert (await within(log.__anext__)).data == b"two"
        await lab.runtime.exec(name, ExecCmd("touch /tmp/go"))  # it may be gone with the container
        assert [line.data async for line in log] == [b"three"]


@pytest.mark.proves("stream_logs")
async def test_a_log_that_is_not_kept_is_an_error_that_says_so(lab: Lab, differs: Differs) -> None:
    name = await lab.plain("echo lost; exec sleep 100000", log_driver="none")
    kind = EngineInternalError if differs("a log that is not kept") is None else UnsupportedOperationError
    with pytest.raises(kind, match="driver"):
        await lines_of(lab.runtime.stream_logs(name))


async def test_the_log_driver_that_docker_has_is_understood(lab: Lab) -> None:
    name = await lab.plain("echo one; printf last", log_driver="json-file")
    await lab.client.containers.wait(name)
    assert data(await lines_of(lab.runtime.stream_logs(name))) == [b"one", b"last"]


async def test_a_tail_that_is_no_number_of_lines_is_refused(lab: Lab) -> None:
    with pytest.raises(InvalidValueError, match="tail"):
        lab.runtime.stream_logs("nobody", tail=-1)


@pytest.mark.proves("stream_logs")
@BOTH
async def test_since_and_until_cut_at_a_moment(lab: Lab, *, tty: bool) -> None:
    script = "echo one; while ! test -e /tmp/2; do :; done; echo two; while ! test -e /tmp/3; do :; done; echo three"
    name = await lab.run_script(script, tty=tty)
    async with lab.runtime.stream_logs(name) as log:
        assert (await within(log.__anext__)).data == b"one"
        before = datetime.now(UTC)
        await lab.runtime.exec(name, ExecCmd("touch /tmp/2"))
        assert (await within(log.__anext__)).data == b"two"
        after = datetime.now(UTC)
        await lab.runtime.exec(name, ExecCmd("touch /tmp/3"))
        assert (await within(log.__anext__)).data == b"three"
    assert data(await lines_of(lab.runtime.stream_logs(name, since=before))) == [b"two", b"three"]
    assert data(await lines_of(lab.runtime.stream_logs(name, until=after))) == [b"one", b"two"]
    assert data(await lines_of(lab.runtime.stream_logs(name, since=before, until=after))) == [b"two"]


async def test_a_container_that_is_not_there_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFoundError):
        await lines_of(lab.runtime.stream_logs("nobody"))


# ---------------------------------------------------------------- what is being written


@pytest.mark.proves("stream_logs")
@BOTH
async def test_lines_come_as_they_are_written_until_the_container_stops(lab: Lab, *, tty: bool) -> None:
    script = "echo first; while ! test -e /tmp/go; do sleep 0.05; done; echo second; echo third"
    name = await lab.run_script(script, tty=tty)
    async with lab.runtime.stream_logs(name) as log:
        assert (await within(log.__anext__)).data == b"first"
        await lab.runtime.exec_not_wait(name, ExecCmd("touch /tmp/go"))  # which the end of the container may kill
        assert (await within(log.__anext__)).data == b"second"
        assert (await within(log.__anext__)).data == b"third"
        with pytest.raises(StopAsyncIteration):
            await within(log.__anext__)
        with pytest.raises(StopAsyncIteration):
            await log.__anext__()


async def test_without_following_a_log_ends_where_it_is(lab: Lab) -> None:
    name = await lab.polite()
    assert data(await lines_of(lab.runtime.stream_logs(name, follow=False))) == [b"ready"]


async def test_a_log_is_iterated_without_a_context_too(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.ended("seq 3", tty=True)
        assert [line.data async for line in lab.runtime.stream_logs(name)] == [b"1", b"2", b"3"]


async def test_closing_ends_a_log_for_the_one_who_waits(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        log = lab.runtime.stream_logs(await lab.polite())
        assert (await within(log.__anext__)).data == b"ready"
        await close_under_a_reader(log, anyio.wait_all_tasks_blocked)


async def test_closing_a_log_that_is_still_being_opened_ends_it(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()

        async def opening() -> None:
            while "1 dedicated" not in repr(lab.runtime):
                await checkpoint()

        await close_under_a_reader(lab.runtime.stream_logs(name), opening)


async def close_under_a_reader(log: Stream[LogLine], when: Callable[[], Awaitable[object]]) -> None:
    """Have a task read a log, and close it from another one."""

    async def read() -> None:
        assert [line async for line in log] == []

    with anyio.fail_after(LIMIT):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            await when()
            await log.aclose()


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_cancelled_wait_for_a_line_loses_none(lab: Lab, *, natively: bool) -> None:
    name = await lab.up("r1", "sh -c 'echo up; i=0; while :; do i=$((i+1)); echo $i; usleep 2000; done'")
    async with lab.runtime.stream_logs(name) as log:
        assert (await within(log.__anext__)).data == b"up"
        seen: list[int] = []

        async def read() -> None:
            while True:
                seen.append(int((await log.__anext__()).data))

        while len(seen) < 100:
            await cancelled(read, lambda: anyio.sleep(0.003), natively=natively)
    assert seen == list(range(1, len(seen) + 1))


async def test_a_log_that_is_left_open_warns(lab: Lab) -> None:
    name = await lab.up()
    log = lab.runtime.stream_logs(name)
    await log.__aenter__()
    with pytest.warns(ResourceWarning, match="unclosed"):
        log.__del__()
    await log.aclose()
