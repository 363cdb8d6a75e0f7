"""Which events are known again, and where some are missing."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.engine import schema
from clab_runtime.streams.event_memory import EventHistory, EventMemory, Span, identity, moment_of

RING = EventHistory(is_log=False, overlap=10, loss="")
LOG = EventHistory(is_log=True, overlap=10, loss="")
BEGUN = 100


def happened(moment: int, action: str = "start", **attributes: str) -> schema.Event:
    actor = schema.EventActor(id="a", attributes=attributes)
    return schema.Event(type="container", action=action, actor=actor, time_nano=moment)


def seen(history: EventHistory, *moments: int) -> EventMemory:
    memory = EventMemory(history, BEGUN)
    assert [memory.take(happened(moment)) for moment in moments] == [(True, None)] * len(moments)
    return memory


def test_what_comes_again_is_known_and_what_differs_in_anything_is_not() -> None:
    memory = seen(RING, 5)
    assert memory.take(happened(5)) == (False, None)
    assert memory.take(happened(5, "die")) == (True, None)
    for word in ("execID", "container"):
        assert memory.take(happened(5, **{word: "1"}))[0]
        assert memory.take(happened(5, **{word: "2"}))[0]
        assert not memory.take(happened(5, **{word: "1"}))[0]


def test_events_without_a_moment_in_nanoseconds_are_never_taken_for_the_same() -> None:
    memory = EventMemory(RING, BEGUN)
    event = schema.Event(type="container", action="start", time=7)
    assert moment_of(event) == 7_000_000_000
    assert [memory.take(event)[0] for _ in range(2)] == [True, True]


def test_the_oldest_is_forgotten_first_and_one_may_be_forgotten_on_purpose() -> None:
    memory = EventMemory(RING, BEGUN, size=2)
    for moment in (1, 2, 3):
        memory.take(happened(moment))
    assert [memory.take(happened(moment))[0] for moment in (3, 2, 1)] == [False, False, True]
    memory.forget(happened(3))
    assert memory.take(happened(3))[0]
    assert len({identity(happened(moment)) for moment in (1, 2, 3)}) == 3


def test_an_engine_is_asked_from_a_little_before_the_last_event_or_before_its_clock_if_that_was_set_back() -> None:
    assert EventMemory(RING, BEGUN).since(BEGUN) == 0
    assert EventMemory(LOG, BEGUN).since(500) == BEGUN - 10
    assert seen(RING, 200, 300).since(500) == 290
    assert seen(LOG, 200, 300).since(250) == 240
    assert seen(RING, 5).since(500) == 0


def test_an_event_that_is_known_is_an_anchor() -> None:
    memory = seen(RING, 200, 300)
    memory.resume()
    assert memory.take(happened(300)) == (False, None)
    assert memory.take(happened(400)) == (True, None)
    assert memory.settle(500) is None


def test_without_an_anchor_the_time_from_the_last_event_to_the_first_new_one_is_missing_once() -> None:
    memory = seen(RING, 200, 300)
    memory.resume()
    assert memory.take(happened(400)) == (True, Span(300, 400))
    assert memory.take(happened(401)) == (True, None)
    assert memory.settle(500) is None


def test_where_nothing_comes_the_time_up_to_now_is_missing() -> None:
    memory = seen(LOG, 200)
    memory.resume()
    assert memory.settle(500) == Span(200, 500)
    assert memory.settle(600) is None
    assert memory.take(happened(501)) == (True, None)


def test_an_event_that_was_overtaken_is_told_late_and_is_no_gap() -> None:
    memory = seen(RING, 200, 300)
    memory.resume()
    assert memory.take(happened(299)) == (True, None)
    assert memory.take(happened(300)) == (False, None)
    assert memory.take(happened(400)) == (True, None)


def test_where_nothing_has_ever_been_seen_a_log_has_it_all_and_a_ring_may_have_been_lost() -> None:
    for history, missing in ((LOG, None), (RING, Span(BEGUN, 400))):
        memory = seen(history)
        memory.resume()
        assert memory.take(happened(400)) == (True, missing)
    memory = seen(RING)
    memory.resume()
    assert memory.settle(500) == Span(BEGUN, 500)


def test_the_first_connection_needs_no_anchor() -> None:
    assert EventMemory(RING, BEGUN).settle(500) is None


def test_a_clock_that_was_set_back_makes_no_time_that_ends_before_it_begins() -> None:
    memory = seen(RING, 200)
    memory.resume()
    assert memory.settle(150) == Span(150, 150)


@dataclass
class Engine:
    """What an engine does: it remembers its last events, and forgets all when it is restarted."""

    size: int
    clock: int = BEGUN
    events: list[schema.Event] = field(default_factory=list)
    all: list[int] = field(default_factory=list)

    def happen(self) -> schema.Event:
        self.clock += 7
        self.events = [*self.events, happened(self.clock)][-self.size :]
        self.all.append(self.clock)
        return self.events[-1]

    def replay(self, since: int) -> Sequence[schema.Event]:
        return [event for event in self.events if event.time_nano >= since]


@dataclass
class Listener:
    """Who listens to it over one connection after the other."""

    engine: Engine
    memory: EventMemory
    told: list[int] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    def hear(self, *events: schema.Event) -> None:
        for event in events:
            is_new, missing = self.memory.take(event)
            self.spans += filter(None, [missing])
            self.told += [event.time_nano] * is_new

    def replay(self) -> Sequence[schema.Event]:
        return self.engine.replay(self.memory.since(self.engine.clock))

    def settle(self) -> None:
        self.engine.clock += 1
        self.spans += filter(None, [self.memory.settle(self.engine.clock)])


Phase = tuple[int, int, bool, int]
"""Events that are heard, events while nobody listens, whether the engine is restarted amid these, and how many are heard
of the replay until the next cut."""

_PHASES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12), st.booleans(), st.integers(0, 6)), max_size=8)


def live_through(listener: Listener, phase: Phase) -> None:
    engine, (live, away, is_restarted, heard) = listener.engine, phase
    for _ in range(live):
        listener.hear(engine.happen())
    for number in range(away):
        if is_restarted and number == away // 2:
            engine.events.clear()
        engine.happen()
    listener.memory.resume()
    listener.hear(*listener.replay()[:heard])
    listener.memory.resume()
    listener.hear(*listener.replay())
    listener.settle()


@given(_PHASES, st.integers(1, 9), st.integers(0, 4))
def test_every_event_comes_once_and_in_order_or_is_in_a_gap(phases: Sequence[Phase], size: int, before: int) -> None:
    engine = Engine(size)
    for _ in range(before):
        engine.happen()
    listener = Listener(engine, EventMemory(RING, engine.clock))
    listener.hear(*listener.replay())
    engine.all[:] = listener.told
    for phase in phases:
        live_through(listener, phase)
    told, spans = listener.told, listener.spans
    assert told == sorted(set(told))
    for moment in set(engine.all) - set(told):
        assert any(span.since < moment < span.until for span in spans), (moment, spans)
    for span in spans:
        assert not [moment for moment in told if span.since < moment < span.until]


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=8))
def test_an_engine_that_remembers_enough_has_no_gap(cuts: Sequence[tuple[int, int]]) -> None:
    engine = Engine(size=1000)
    listener = Listener(engine, EventMemory(RING, engine.clock))
    for live, away in cuts:
        live_through(listener, (live, away, False, away // 2))
    assert listener.told == engine.all
    assert not listener.spans
