"""Waits on an engine that plays scripts: races, lost connections, and how many requests they take."""

import re
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

from clab_runtime import (
    ContainerExitedError,
    ContainerUnhealthyError,
    EngineConnectionError,
    EngineProtocolError,
    InvalidValueError,
    LogMatch,
    NotFoundError,
    WaitFor,
    WaitResult,
    WaitTimeoutError,
)
from clab_runtime.runtime import wait_looks, waiting_room
from tests.engine.fake_engine import answer
from tests.runtime.scripted_world import NEVER, STARTED, world

pytestmark = pytest.mark.anyio

LIMIT = 20.0


class Waiter:
    """A wait in a task of its own, and what has come of it."""

    def __init__(self, call: Callable[[], Awaitable[object]]) -> None:
        self.result: object = None
        self._call = call
        self.scope = anyio.CancelScope()
        self.over = anyio.Event()

    async def __call__(self) -> None:
        try:
            with self.scope:
                self.result = await self._call()
        except Exception as exc:  # noqa: BLE001 - the test looks at it
            self.result = exc
        finally:
            self.over.set()

    async def end(self) -> object:
        """Wait for the end, and return what has come of it."""
        with anyio.fail_after(LIMIT):
            await self.over.wait()
        return self.result


async def ended(call: Callable[[], Awaitable[object]], *steps: Callable[[], Awaitable[object]]) -> object:
    """Begin a wait, make some steps, and return what comes of it."""
    waiter = Waiter(call)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(waiter)
        for step in steps:
            await step()
        await waiter.end()
    return waiter.result


# ---------------------------------------------------------------- how many requests


@pytest.mark.parametrize("together", [True, False], ids=["one call", "many calls"])
async def test_two_hundred_that_become_healthy_take_one_stream_and_one_list(*, together: bool) -> None:
    async with world() as engine:
        names = engine.healthy_in_time(200)
        calls = [names] if together else [[name] for name in names]
        async with anyio.create_task_group() as tasks:
            for call in calls:
                tasks.start_soon(engine.waits.for_all, call, WaitFor.HEALTHY)
            await engine.listening()
            for name in names:
                await engine.change(name, "health_status: healthy", health="healthy")
        assert sorted(engine.asked) == ["/containers/json", "/events"]
        await engine.listening(0)


async def test_one_that_is_there_already_takes_one_look() -> None:
    async with world() as engine:
        engine.add("r1")
        assert await engine.waits.for_one("r1", WaitFor.RUNNING) == WaitResult(container="r1")
        assert engine.asked == ["/containers/r1/json"]


async def test_an_end_is_listened_for_before_the_first_look() -> None:
    """A restart policy may follow up an end that comes between the two, and no look shows it then."""
    async with world() as engine:
        engine.add("r1")

        async def end() -> None:
            await engine.change("r1", "die", status="exited", exit_code=3)

        result = await ended(lambda: engine.waits.for_one("r1", WaitFor.EXITED), engine.listening, end)
        assert isinstance(result, WaitResult)
        assert engine.asked[0] == "/events"


async def test_who_waits_for_the_same_container_shares_its_look() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(engine.waits.for_one, "r1", WaitFor.RUNNING)
            await engine.listening()
            await engine.change("r1", "start", status="running")
        assert len(engine.asked) <= 3


async def test_who_comes_later_is_looked_at_alone() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(20)
        engine.add("late")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(engine.waits.for_all, names, WaitFor.HEALTHY)
            await engine.until(lambda: engine.count("/json") == 1)
            await engine.waits.for_one("late", WaitFor.RUNNING)
            tasks.cancel_scope.cancel()
        assert engine.asked == ["/events", "/containers/json", "/containers/late/json"]


async def test_a_slow_list_finds_what_nobody_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting_room, "HEARTBEAT", 0.3)
    async with world() as engine:
        names = engine.healthy_in_time(10)

        async def recover() -> None:
            for name in names:
                await engine.change(name, health="healthy")

        await ended(lambda: engine.waits.for_all(names, WaitFor.HEALTHY), engine.listening, recover)
        assert set(engine.asked) == {"/events", "/containers/json"}


# ---------------------------------------------------------------- leading


async def test_who_leads_may_be_cancelled_and_the_others_miss_nothing() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(30)
        waiters = [Waiter(partial(engine.waits.for_one, name, WaitFor.HEALTHY)) for name in names]
        async with anyio.create_task_group() as tasks:
            for waiter in waiters:
                tasks.start_soon(waiter)
            await engine.listening()
            for waiter, name in zip(waiters, names, strict=True):
                if int(name[1:]) % 2:
                    await engine.change(name, "health_status: healthy", health="healthy")
                waiter.scope.cancel()  # an event for it may be on its way
                await anyio.lowlevel.checkpoint()
                if int(name[1:]) == 20:
                    break
            for name in names[21:]:
                await engine.change(name, "health_status: healthy", health="healthy")
            assert all([await waiter.end() for waiter in waiters[21:]])
        assert engine.count("/events") == 1
        assert engine.count("/json") == 1


async def test_who_is_cancelled_in_the_first_look_leaves_it_to_the_others() -> None:
    async with world() as engine:
        engine.silent_until = anyio.Event()
        names = engine.healthy_in_time(10)
        waiters = [Waiter(partial(engine.waits.for_one, name, WaitFor.HEALTHY)) for name in names]
        async with anyio.create_task_group() as tasks:
            for waiter in waiters:
                tasks.start_soon(waiter)
            await engine.listening()
            for waiter in waiters[:5]:
                waiter.scope.cancel()
            await engine.settled()
            engine.silent_until.set()
            for name in names:
                await engine.change(name, "health_status: healthy", health="healthy")
            assert all([await waiter.end() for waiter in waiters[5:]])
        await engine.listening(0)


# ---------------------------------------------------------------- connections


async def test_what_happened_while_the_connection_was_lost_is_looked_up() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(10)

        async def cut() -> None:
            for name in names[:5]:
                await engine.change(name, health="healthy")
            await engine.cut()
            await engine.listening()
            for name in names[5:]:
                await engine.change(name, "health_status: healthy", health="healthy")

        await ended(lambda: engine.waits.for_all(names, WaitFor.HEALTHY), engine.listening, cut)
        assert engine.count("/events") == 2
        assert engine.count("/json") <= 4


@pytest.mark.parametrize("condition", [WaitFor.HEALTHY, WaitFor.RUNNING, WaitFor.EXITED])
async def test_without_events_looks_take_their_place(condition: WaitFor) -> None:
    async with world() as engine:
        engine.refusal = answer(b'{"message":"not for you"}', status="403 Forbidden")
        names = [f"r{number}" for number in range(6)]
        for name in names:
            engine.add(name, status="created", started_at=NEVER, checked=True)

        async def change() -> None:
            await anyio.sleep(0.1)
            status, health = ("exited", "") if condition is WaitFor.EXITED else ("running", "healthy")
            for name in names:
                await engine.change(name, status=status, health=health, exit_code=7, started_at="2026-01-01T00:00:01Z")

        results = await ended(lambda: engine.waits.for_all(names, condition), change)
        code = 7 if condition is WaitFor.EXITED else None
        assert results == [WaitResult(container=name, exit_code=code) for name in names]
        assert engine.count("/events") == 1


async def test_without_events_the_engine_tells_the_end_of_what_leaves_nothing_behind() -> None:
    async with world() as engine:
        engine.refusal = answer(b'{"message":"not for you"}', status="403 Forbidden")
        r1 = engine.add("r1", status="created", started_at=NEVER)

        async def vanish() -> None:
            await engine.change("r1", status="running", exit_code=6)
            await engine.until(lambda: engine.count("/wait") == 1)
            r1.ends.set()
            del engine.containers["r1"]

        result = await ended(lambda: engine.waits.for_one("r1", WaitFor.EXITED), vanish)
        assert result == WaitResult(container="r1", exit_code=6)


async def test_an_engine_that_is_away_is_an_error_at_once_for_who_has_seen_nothing() -> None:
    async with world() as engine:
        engine.broken = True
        with pytest.raises((EngineConnectionError, EngineProtocolError)):
            await engine.waits.for_one("r1", WaitFor.RUNNING)


async def test_an_engine_that_comes_back_in_time_ends_no_wait() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)

        async def go_and_come() -> None:
            engine.broken = True
            await engine.cut()
            await anyio.sleep(0.3)
            engine.broken = False
            await engine.change("r1", status="running")

        result = await ended(lambda: engine.waits.for_one("r1", WaitFor.RUNNING), engine.listening, go_and_come)
        assert result == WaitResult(container="r1")


async def test_an_engine_that_stays_away_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wait_looks, "GIVE_UP_AFTER", 0.3)
    monkeypatch.setattr(waiting_room, "HEARTBEAT", 0.2)
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)

        async def go() -> None:
            engine.broken = True
            await engine.cut()

        result = await ended(lambda: engine.waits.for_one("r1", WaitFor.RUNNING), engine.listening, go)
        assert isinstance(result, EngineConnectionError | EngineProtocolError)


async def test_a_runtime_that_is_closed_ends_its_waits() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)

        async def close() -> None:
            engine.waits.close()

        result = await ended(lambda: engine.waits.for_one("r1", WaitFor.RUNNING), engine.listening, close)
        assert isinstance(result, EngineConnectionError)


async def test_a_wait_that_begins_while_the_runtime_is_being_closed_ends_at_once() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)
        engine.waits.close()
        with anyio.fail_after(LIMIT), pytest.raises(EngineConnectionError, match="closed"):
            await engine.waits.for_one("r1", WaitFor.RUNNING)


# ---------------------------------------------------------------- what events are worth


async def test_an_event_from_before_the_wait_is_not_believed() -> None:
    """It comes late, and the container has been started anew since."""
    async with world() as engine:
        names = engine.healthy_in_time(6)
        engine.add("other", status="created", started_at=NEVER)
        first = Waiter(lambda: engine.waits.for_one("other", WaitFor.RUNNING))
        waiter = Waiter(lambda: engine.waits.for_all(names, WaitFor.HEALTHY))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(first)
            await engine.listening()
            before, looks = time.time(), engine.count("/json")
            tasks.start_soon(waiter)
            await engine.until(lambda: engine.count("/json") == looks + 1)
            await engine.settled()
            for name in names:
                await engine.tell(name, "health_status: healthy", ago=time.time() - before)
            # Each is looked at, for a list may lag behind.
            await engine.until(lambda: engine.count("/json") == looks + 1 + len(names))
            await engine.settled()
            assert not waiter.over.is_set()
            for name in names:
                await engine.change(name, "health_status: healthy", health="healthy")
            assert await waiter.end()
            await engine.change("other", "start", status="running", started_at=STARTED)
            await first.end()


async def test_an_old_end_is_no_end_of_what_runs() -> None:
    async with world() as engine:
        engine.add("r1")
        waiter = Waiter(lambda: engine.waits.for_one("r1", WaitFor.EXITED))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waiter)
            await engine.listening()
            await engine.tell("r1", "die", ago=1, exit_code="9")
            await engine.settled()
            assert not waiter.over.is_set()
            await engine.tell("r1", "die", exit_code="4")
            assert await waiter.end() == WaitResult(container="r1", exit_code=4)


async def test_events_of_others_change_nothing() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)
        engine.add("r2")

        async def others() -> None:
            await engine.tell("r2", "start")
            await engine.tell("r2", "die", exit_code="1")

        waiter = Waiter(lambda: engine.waits.for_one("r1", WaitFor.RUNNING))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(waiter)
            await engine.listening()
            await others()
            await engine.settled()
            assert not waiter.over.is_set()
            tasks.cancel_scope.cancel()


# ---------------------------------------------------------------- what rules it out


@pytest.mark.parametrize("condition", [WaitFor.HEALTHY, LogMatch("never")], ids=str)
async def test_an_end_is_an_error_with_the_evidence(condition: WaitFor | LogMatch) -> None:
    async with world() as engine:
        r1 = engine.add("r1", health="starting", checked=True, log=[b"one\n", b"two\n"], log_goes_on=anyio.Event())

        async def end() -> None:
            assert r1.log_goes_on is not None
            r1.log_goes_on.set()
            await engine.change("r1", "die", told="139", status="exited", exit_code=139)

        error = await ended(lambda: engine.waits.for_one("r1", condition), engine.listening, end)
        assert isinstance(error, ContainerExitedError)
        assert (error.container, error.exit_code, error.signal) == ("r1", 139, "SIGSEGV")
        assert error.last_lines == (b"one", b"two")
        assert error.health_log == ("so sick",)


async def test_an_end_that_a_restart_follows_is_none_but_for_who_waits_for_it() -> None:
    async with world() as engine:
        engine.add("r1", health="starting", checked=True)
        health = Waiter(lambda: engine.waits.for_one("r1", WaitFor.HEALTHY))
        end = Waiter(lambda: engine.waits.for_one("r1", WaitFor.EXITED))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(health)
            tasks.start_soon(end)
            await engine.listening()
            await engine.change("r1", "die", told="3", status="restarting", health="")
            assert await end.end() == WaitResult(container="r1", exit_code=3)
            await engine.settled()
            await engine.change("r1", "start", status="running", health="starting")
            await engine.change("r1", "health_status: healthy", health="healthy")
            assert await health.end() == WaitResult(container="r1")


async def test_one_that_removes_itself_leaves_its_exit_code() -> None:
    async with world() as engine:
        engine.add("r1", health="starting", checked=True)

        async def vanish() -> None:
            await engine.tell("r1", "die", exit_code="6")
            await engine.remove("r1")

        error = await ended(lambda: engine.waits.for_one("r1", WaitFor.HEALTHY), engine.listening, vanish)
        assert isinstance(error, ContainerExitedError | NotFoundError)
        assert isinstance(error, ContainerExitedError)
        assert error.exit_code == 6


async def test_one_that_is_removed_before_it_ran_is_gone() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER)
        error = await ended(
            lambda: engine.waits.for_one("r1", WaitFor.RUNNING), engine.listening, lambda: engine.remove("r1")
        )
        assert isinstance(error, NotFoundError)
        assert "'r1' was removed while it was waited for" in str(error)


async def test_a_removal_that_nobody_told_leaves_no_exit_code_to_be_made_up() -> None:
    async with world() as engine:
        engine.add("r1")

        async def vanish() -> None:
            del engine.containers["r1"]
            await engine.cut()

        error = await ended(lambda: engine.waits.for_one("r1", WaitFor.EXITED), engine.listening, vanish)
        assert isinstance(error, NotFoundError)


async def test_bad_health_ends_what_waits_for_good_health_or_a_line() -> None:
    async with world() as engine:
        engine.add("r1", health="starting", checked=True, log_goes_on=anyio.Event())
        waiters = [
            Waiter(partial(engine.waits.for_one, "r1", condition))
            for condition in (WaitFor.HEALTHY, LogMatch("never"), WaitFor.EXITED, WaitFor.REMOVED)
        ]
        async with anyio.create_task_group() as tasks:
            for waiter in waiters:
                tasks.start_soon(waiter)
            await engine.listening()
            await engine.change("r1", "health_status: unhealthy", health="unhealthy")
            for waiter in waiters[:2]:
                error = await waiter.end()
                assert isinstance(error, ContainerUnhealthyError)
                assert (error.container, error.failing_streak, error.health_log) == ("r1", 3, ("so sick",))
            assert not any(waiter.over.is_set() for waiter in waiters[2:])
            tasks.cancel_scope.cancel()


@pytest.mark.parametrize("status", ["running", "created"])
@pytest.mark.parametrize("count", [1, 9])
async def test_without_a_check_health_is_not_waited_for(status: str, count: int) -> None:
    async with world() as engine:
        names = [*engine.healthy_in_time(count - 1), engine.add("bare", status=status).name]
        with pytest.raises(InvalidValueError, match=r"'bare'.*no health check"):
            await engine.waits.for_all(names, WaitFor.HEALTHY, 5)
        assert engine.count("/bare/json") <= 2


async def test_a_container_that_nobody_knows_is_an_error_in_the_engines_words() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(9)
        for given in (["nobody"], [*names, "nobody"]):
            with pytest.raises(NotFoundError, match="404 No such container: nobody"):
                await engine.waits.for_all(given, WaitFor.HEALTHY)
        await engine.waits.for_all(["nobody"], WaitFor.REMOVED)


# ---------------------------------------------------------------- sets


async def test_the_first_of_several_is_enough_and_those_that_fail_are_left_out() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(6)

        async def change() -> None:
            await engine.change("r0", "die", told="1", status="exited", exit_code=1)
            await engine.settled()
            await engine.change("r4", "health_status: healthy", health="healthy")

        result = await ended(lambda: engine.waits.for_any(names, WaitFor.HEALTHY), engine.listening, change)
        assert result == WaitResult(container="r4")


async def test_when_none_is_left_the_first_error_tells_of_the_others() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(2)

        async def end() -> None:
            for name in names:
                await engine.change(name, "die", told="5", status="exited", exit_code=5)

        error = await ended(lambda: engine.waits.for_any(names, WaitFor.HEALTHY), engine.listening, end)
        assert isinstance(error, ContainerExitedError)
        assert error.container == "r0"
        assert ["'r1'" in note for note in error.__notes__] == [True]


async def test_the_error_of_all_comes_while_others_are_still_waited_for() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(6)

        async def end() -> None:
            await engine.change("r3", "die", told="5", status="exited", exit_code=5)

        error = await ended(lambda: engine.waits.for_all(names, WaitFor.HEALTHY), engine.listening, end)
        assert isinstance(error, ContainerExitedError)
        assert error.container == "r3"


async def test_too_late_names_those_still_waited_for_and_how_they_were() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(6)
        for name in names[:4]:
            await engine.change(name, health="healthy")
        error = await ended(lambda: engine.waits.for_all(names, WaitFor.HEALTHY, 2))
        assert isinstance(error, WaitTimeoutError)
        assert isinstance(error, TimeoutError)
        assert str(error) == (
            "healthy was not there after 2 s; still waited for, as seen last: "
            "'r4' (Running, starting), 'r5' (Running, starting)"
        )


async def test_no_time_is_enough_for_what_is_there() -> None:
    async with world() as engine:
        engine.add("r1")
        with pytest.raises(WaitTimeoutError, match=r"'r1' \(not known\)"):
            await engine.waits.for_all(["r1"], WaitFor.RUNNING, 0)


async def test_a_container_is_known_by_its_name_its_id_or_the_beginning_of_one() -> None:
    async with world() as engine:
        names = engine.healthy_in_time(6)
        ids = [engine.containers[name].id for name in names]
        given = [names[0], ids[1], ids[2][:6], *ids[3:], names[0]]

        async def change() -> None:
            for name in names:
                await engine.change(name, "health_status: healthy", health="healthy")

        results = await ended(lambda: engine.waits.for_all(given, WaitFor.HEALTHY), engine.listening, change)
        assert results == [WaitResult(container=name) for name in given]


async def test_what_names_no_containers_is_refused() -> None:
    async with world() as engine:
        for containers in ("r1", [""], [7], None):
            with pytest.raises(InvalidValueError, match="container"):
                await engine.waits.for_all(containers, WaitFor.RUNNING)  # type: ignore[arg-type]
        for condition in ("running", re.compile("x"), None):
            with pytest.raises(InvalidValueError, match="condition"):
                await engine.waits.for_all(["r1"], condition)  # type: ignore[arg-type]
        with pytest.raises(InvalidValueError, match="timeout"):
            await engine.waits.for_all(["r1"], WaitFor.RUNNING, float("nan"))
        with pytest.raises(InvalidValueError, match="name one"):
            await engine.waits.for_any([], WaitFor.RUNNING)
        assert await engine.waits.for_all([], WaitFor.RUNNING) == []
        assert not engine.fake.requests


# ---------------------------------------------------------------- lines


async def test_a_line_that_was_written_before_the_end_counts() -> None:
    async with world() as engine:
        engine.add("r1", status="exited", log=[b"one\n", b"ready\n"])
        result = await engine.waits.for_one("r1", LogMatch("read"))
        assert result.line is not None
        assert result.line.data == b"ready"


async def test_a_line_is_looked_for_once_the_container_is_started() -> None:
    async with world() as engine:
        engine.add("r1", status="created", started_at=NEVER, log=[b"ready \xff\n"])

        async def start() -> None:
            assert not engine.count("/logs")
            await engine.change("r1", "start", status="running")

        match = LogMatch(re.compile("^ready \N{REPLACEMENT CHARACTER}$"))
        result = await ended(lambda: engine.waits.for_one("r1", match), engine.listening, start)
        assert isinstance(result, WaitResult)
        assert result.line is not None
        assert result.line.data == b"ready \xff"


async def test_a_line_is_looked_for_in_the_next_run_too() -> None:
    async with world() as engine:
        r1 = engine.add("r1", log=[b"one\n"], log_goes_on=anyio.Event())

        async def restart() -> None:
            assert r1.log_goes_on is not None
            r1.log_goes_on.set()
            await engine.change("r1", "die", told="1", status="restarting")
            await engine.settled()
            await engine.change("r1", "start", status="running", log=[b"one\n", b"ready\n"])

        result = await ended(lambda: engine.waits.for_one("r1", LogMatch("ready")), engine.listening, restart)
        assert isinstance(result, WaitResult)


# ---------------------------------------------------------------- delay


async def test_the_median_delay_behind_an_event_is_short() -> None:
    async with world() as engine:
        names, told, delays = engine.healthy_in_time(100), dict[str, float](), list[float]()

        async def wait(name: str) -> None:
            await engine.waits.for_one(name, WaitFor.HEALTHY)
            delays.append(time.monotonic() - told[name])

        async with anyio.create_task_group() as tasks:
            for name in names:
                tasks.start_soon(wait, name)
            await engine.listening()
            for name in names:
                told[name] = time.monotonic()
                await engine.tell(name, "health_status: healthy")
                await anyio.sleep(0.001)
        assert sorted(delays)[len(delays) // 2] < 1, "a bound for a busy machine; 20 ms are those of make faults"


def test_a_pattern_that_nobody_can_look_for_is_refused() -> None:
    for pattern in ("", b"x", re.compile(b"x"), None, 7):
        with pytest.raises(InvalidValueError, match="pattern"):
            LogMatch(pattern)  # type: ignore[arg-type]


def test_a_string_is_found_as_it_is() -> None:
    assert str(LogMatch("a.c")) == str(LogMatch(re.compile("a.c"))) == "a line with 'a.c'"
