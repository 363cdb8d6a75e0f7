"""Watching containers of an engine that is made up: its events have gaps, its lists are slow, behind, or fail."""

import math
import random
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import anyio
import pytest
from anyio.lowlevel import checkpoint
from msgspec import structs

from clab_runtime import (
    ChangeKind,
    ContainerChange,
    ContainerEvent,
    EngineConnectionError,
    EngineInternalError,
    EngineProtocolError,
    EventAction,
    EventGap,
    ForbiddenError,
    GenericContainer,
    Stream,
)
from clab_runtime.runtime import watch_agenda
from clab_runtime.runtime.listing import Seen
from clab_runtime.runtime.watching import WatchSource
from tests.conftest import NoLeaks

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GAP = EventGap(timestamp=NOW, since=NOW, reason="the connection was cut")
AWAY = EngineConnectionError("unix:///x", "nobody answers", "start it")
BROKEN = EngineInternalError(500, "broken", "GET", "/containers/json")
CUT = EngineProtocolError("cut")
LIMIT = 20.0
"""Seconds that what a test waits for may take."""


class Engine:
    """Containers, the events of what happens to them, and lists of them."""

    def __init__(self) -> None:
        self.containers: dict[str, GenericContainer] = {}
        self.looks: list[Collection[str] | None] = []
        self.failures: list[Exception] = []
        self.behind = 0
        """How many lists are behind."""
        self.before_list: Callable[[], object] = lambda: None
        self.entered = 0
        self.closed = 0
        self._events: list[ContainerEvent | Exception] = []
        self._heard = anyio.Event()

    # what happens

    def put(self, *names: str, state: str = "running", action: str = "start") -> None:
        for name in names:
            self.containers[name] = GenericContainer(id=name, names=[name], state=state)
            self.tell(action, name)

    def remove(self, name: str) -> None:
        del self.containers[name]
        self.tell("destroy", name)

    def tell(self, action: str, name: str) -> None:
        self.send(ContainerEvent(timestamp=NOW, action=EventAction.of(action), actor_full_id=name))

    def send(self, *items: ContainerEvent | Exception) -> None:
        self._events += items
        self._heard.set()

    # what is asked for

    async def look(self, ids: Collection[str] | None) -> Sequence[Seen]:
        self.looks.append(ids)
        await checkpoint()
        if self.failures:
            raise self.failures.pop(0)
        self.before_list()
        found = [container for name, container in self.containers.items() if ids is None or name in ids]
        await checkpoint()  # what happens meanwhile has events of its own
        if self.behind:
            self.behind -= 1
            return [Seen(structs.replace(container, state="behind"), stale=True) for container in found]
        return [Seen(container) for container in found]

    def watch(self) -> Stream[ContainerChange]:
        return Stream(WatchSource(lambda: Stream(Events(self)), self.look))

    async def hear(self) -> Sequence[ContainerEvent]:
        while not self._events:
            self._heard = anyio.Event()
            await self._heard.wait()
        if isinstance(first := self._events[0], Exception):
            raise first
        heard = [item for item in self._events if isinstance(item, ContainerEvent)]
        self._events = [item for item in self._events if isinstance(item, Exception)]
        return heard


class Events:
    """The source of an engine's events."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def open(self) -> None:
        await checkpoint()
        self._engine.entered += 1

    async def next_batch(self) -> Sequence[ContainerEvent]:
        return await self._engine.hear()

    async def aclose(self) -> None:
        self._engine.closed += 1
        await checkpoint()


class View:
    """What a consumer has by applying the changes."""

    def __init__(self, changes: Stream[ContainerChange]) -> None:
        self.changes = changes
        self.containers: dict[str, GenericContainer] = {}
        self.told: list[str] = []

    async def next(self) -> str:
        """Apply the next change, and return it in a word or two."""
        with anyio.fail_after(LIMIT):
            change = await anext(self.changes)
        container = change.container
        if container is None:
            self.told.append(change.kind)
        else:
            self.told.append(f"{change.kind} {container.id}")
            assert (change.kind is not ChangeKind.ADDED) is (container.id in self.containers)
            self.containers[container.id] = container
            if change.kind is ChangeKind.REMOVED:
                del self.containers[container.id]
        return self.told[-1]

    async def until(self, last: str) -> list[str]:
        """Apply changes up to one, and return all of them."""
        told = [await self.next()]
        while told[-1] != last:
            told.append(await self.next())
        return told

    async def until_equal(self, containers: Mapping[str, GenericContainer]) -> None:
        while self.containers != containers:
            await self.next()


@asynccontextmanager
async def watching(engine: Engine) -> AsyncGenerator[View]:
    """Watch, and have seen what there is."""
    async with engine.watch() as changes:
        view = View(changes)
        await view.until("synced")
        yield view
    assert engine.entered == 1


@pytest.fixture
def engine() -> Engine:
    return Engine()


async def test_what_is_there_is_told_and_then_what_happens(engine: Engine, no_leaks: NoLeaks) -> None:
    engine.containers = {"a": GenericContainer(id="a"), "b": GenericContainer(id="b")}
    async with no_leaks(), watching(engine) as view:
        assert view.told == ["added a", "added b", "synced"]
        engine.put("c", state="created", action="create")
        assert await view.next() == "added c"
        engine.put("c")
        assert await view.next() == "changed c"
        engine.remove("a")
        assert await view.next() == "removed a"
        assert view.containers == engine.containers
        assert engine.looks == [None, {"c"}, {"c"}, {"a"}]


async def test_it_listens_before_it_looks(engine: Engine) -> None:
    engine.before_list = lambda: engine.put("late") if not engine.containers else None
    async with engine.watch() as changes:
        assert (engine.entered, engine.looks) == (1, [])
        view = View(changes)
        assert await view.until("synced") == ["added late", "synced"]


async def test_what_happens_during_a_list_is_told_after_it(engine: Engine) -> None:
    async with watching(engine) as view:
        engine.put("a")
        engine.before_list = lambda: engine.tell("start", "b")  # the list that is being made has it not
        assert await view.next() == "added a"
        engine.before_list = lambda: None
        engine.containers["b"] = GenericContainer(id="b")
        assert await view.next() == "added b"


async def test_all_that_has_happened_by_now_costs_one_list(engine: Engine) -> None:
    async with watching(engine) as view:
        names = [f"r{number}" for number in range(40)]
        for _ in range(25):
            engine.put(*names)
        engine.remove("r0")
        for name in names[1:]:
            assert await view.next() == f"added {name}"
        assert engine.looks == [None, set(names)]
        engine.put(*names)
        engine.put(*(f"s{number}" for number in range(20)))
        await view.until("added s19")
        assert engine.looks[2:] == [None], "so many are not asked for one by one"
        assert "synced" not in view.told[1:]


async def test_what_leaves_no_trace_costs_no_list(engine: Engine) -> None:
    async with watching(engine) as view:
        engine.put("a")
        assert await view.next() == "added a"
        for action in ("exec_create: ls", "exec_start: ls", "exec_die", "attach", "top", "resize", "kill"):
            engine.tell(action, "a")
        engine.tell("destroy", "of another lab")
        with anyio.move_on_after(10 * watch_agenda.GATHERED):
            pytest.fail(f"told: {await anext(view.changes)}")
        assert len(engine.looks) == 2


async def test_a_gap_is_told_and_closed_by_a_list(engine: Engine) -> None:
    async with watching(engine) as view:
        engine.put("a", "b")
        await view.until("added b")
        del engine.containers["a"]
        engine.containers["c"] = GenericContainer(id="c")
        engine.send(GAP)
        change = await anext(view.changes)
        assert (change.kind, change.gap, change.container) == (ChangeKind.GAP, GAP, None)
        assert engine.looks[2:] == [], "it is told at once"
        assert await view.until("synced") == ["removed a", "added c", "synced"]
        engine.send(GAP, GAP)
        assert await view.until("synced") == ["gap", "gap", "synced"]
        assert engine.looks[2:] == [None, None]


async def test_an_engine_that_is_away_is_asked_again_while_events_are_waited_for(engine: Engine) -> None:
    engine.failures = [AWAY, CUT, BROKEN]
    async with watching(engine) as view:
        assert engine.looks == [None] * 4
        engine.failures = [AWAY, TimeoutError()]
        engine.put("a")
        assert await view.next() == "added a"
        assert engine.looks[4:] == [{"a"}] * 3
        engine.failures = [AWAY] * 2
        engine.put("b")
        engine.send(GAP)
        assert await view.until("synced") == ["gap", "added b", "synced"]


async def test_a_gap_is_told_while_the_engine_is_away(engine: Engine) -> None:
    async with watching(engine) as view:
        engine.failures = [AWAY] * 1000
        engine.put("a")
        with anyio.move_on_after(0.5):
            pytest.fail(f"told: {await anext(view.changes)}")
        engine.send(GAP)
        assert await view.next() == "gap"
        engine.failures = []
        assert await view.until("synced") == ["added a", "synced"]


async def test_the_events_decide_when_an_engine_is_given_up(engine: Engine) -> None:
    async with watching(engine) as view:
        engine.failures = [AWAY] * 1000
        engine.put("a")
        engine.send(EngineConnectionError("unix:///x", "gone for 60 s", "start it"))
        with pytest.raises(EngineConnectionError, match="gone for 60 s"):
            await view.next()
        assert engine.closed
        with pytest.raises(StopAsyncIteration):
            await view.next()


async def test_what_is_refused_is_raised_at_once(engine: Engine) -> None:
    engine.failures = [ForbiddenError(403, "no", "GET", "/containers/json")]
    async with engine.watch() as changes:
        with pytest.raises(ForbiddenError):
            await anext(changes)
    assert engine.closed


async def test_an_engine_that_is_there_and_always_fails_is_given_up(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_agenda, "PATIENCE", 0.2)
    engine.failures = [BROKEN] * 1000
    async with engine.watch() as changes:
        with pytest.raises(EngineInternalError):
            await View(changes).next()
    assert len(engine.looks) > 2


async def test_a_list_that_is_behind_is_asked_for_again(engine: Engine) -> None:
    async with watching(engine) as view:
        engine.behind = 2
        engine.put("a")
        await view.until_equal(engine.containers)
        assert view.told[1:] == ["added a", "changed a"]
        assert engine.looks == [None, {"a"}, {"a"}, {"a"}]


async def test_what_no_event_tells_of_is_found_in_the_end(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_agenda, "HEARTBEAT", 0.3)
    async with watching(engine) as view:
        engine.put("a")
        await view.next()
        engine.containers["a"] = GenericContainer(id="a", names=["a"], state="running", network_name="new")
        assert await view.next() == "changed a"
        assert engine.looks == [None, {"a"}, None]


# ---------------------------------------------------------------- closed and cancelled


async def test_events_that_can_not_be_had_are_an_error_when_the_watch_is_entered(no_leaks: NoLeaks) -> None:
    class Refusing(Events):
        async def open(self) -> None:
            raise AWAY

    engine = Engine()
    async with no_leaks():
        changes = Stream(WatchSource(lambda: Stream(Refusing(engine)), engine.look))
        with pytest.raises(EngineConnectionError):
            async with changes:
                pytest.fail("it is open")
    assert (engine.closed, engine.looks) == (1, [])


@pytest.mark.parametrize("waits_for", ["an event", "a list", "the engine"])
async def test_a_watch_that_waits_ends_when_it_is_closed(engine: Engine, waits_for: str, no_leaks: NoLeaks) -> None:
    engine.failures = [AWAY] * 1000 if waits_for == "the engine" else []
    hanging = anyio.Event()

    async def hang(ids: Collection[str] | None) -> Sequence[Seen]:
        hanging.set()
        if waits_for == "a list":
            await anyio.sleep_forever()
        return await engine.look(ids)

    ended: list[str] = []

    async def read(changes: Stream[ContainerChange]) -> None:
        ended.extend([change.kind async for change in changes])
        ended.append("end")

    watch = Stream(WatchSource(lambda: Stream(Events(engine)), hang))
    async with no_leaks(), anyio.create_task_group() as tasks, watch as changes:
        tasks.start_soon(read, changes)
        with anyio.fail_after(LIMIT):
            await hanging.wait()
        await anyio.sleep(0.05)
        assert not ended
    assert ended == (["synced", "end"] if waits_for == "an event" else ["end"])
    assert engine.closed


async def test_one_that_was_never_opened_is_closed_without_a_word(engine: Engine) -> None:
    source = WatchSource(lambda: Stream(Events(engine)), engine.look)
    assert await source.next_batch() is None
    await Stream(source).aclose()
    assert (engine.entered, engine.closed) == (0, 0)


async def test_when_the_events_are_closed_the_watch_ends(engine: Engine) -> None:
    events = Stream(Events(engine))
    async with Stream(WatchSource(lambda: events, engine.look)) as changes:
        await View(changes).until("synced")
        await events.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(changes)


@pytest.mark.parametrize("seed", range(20))
async def test_whatever_happens_the_view_is_the_truth_in_the_end(seed: int, no_leaks: NoLeaks) -> None:
    """Random churn, lost events, lists that fail or are behind, and waits that are cancelled at any moment."""
    dice, engine = random.Random(seed), Engine()
    names = [f"r{number}" for number in range(8)]

    def happen() -> None:
        name, lost = dice.choice(names), dice.random() < 0.1
        before = len(engine._events)
        if name in engine.containers and dice.random() < 0.4:
            engine.remove(name)
        else:
            engine.put(name, state=dice.choice(["created", "running", "exited"]))
        if lost:
            del engine._events[before:]
            engine.send(GAP)
        if dice.random() < 0.1:
            engine.failures.append(dice.choice([AWAY, CUT, BROKEN]))
        engine.behind = dice.choice([0, 0, 0, 1])

    async def churn() -> None:
        for _ in range(60):
            happen()
            for _ in range(dice.randrange(20)):
                await checkpoint()
            await anyio.sleep(dice.choice([0, 0, 0.002]))

    async with no_leaks(), engine.watch() as changes:
        view = View(changes)

        async def consume() -> None:
            while True:
                with anyio.move_on_after(dice.choice([0, 0.001, 0.004, math.inf])):
                    await view.next()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consume)
            await churn()
            tasks.cancel_scope.cancel()
        engine.failures, engine.behind = [], 0
        await view.until_equal(engine.containers)
        with anyio.move_on_after(0.1):
            await view.until_equal({})
        assert view.containers == engine.containers
