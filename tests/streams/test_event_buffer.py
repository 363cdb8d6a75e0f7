"""What waits for a slow consumer, and what is done with more."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime import ContainerEvent, EventAction, EventGap, EventOverflowError, EventStreamOptions, Overflow
from clab_runtime.streams.event_buffer import TOO_SLOW, EventBuffer

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: int) -> datetime:
    return BEGUN + timedelta(seconds=second)


def event(second: int) -> ContainerEvent:
    return ContainerEvent(timestamp=at(second), time_nano=second, action=EventAction.START)


def gap(since: int, until: int, reason: str = "lost") -> EventGap:
    return EventGap(since=at(since), timestamp=at(until), time_nano=until, reason=reason)


def buffer(overflow: Overflow, *items: ContainerEvent, size: int = 2) -> EventBuffer:
    made = EventBuffer(EventStreamOptions(buffer=size, overflow=overflow), BEGUN)
    for item in items:
        made.put(item)
    return made


def drained(made: EventBuffer) -> list[ContainerEvent]:
    items: list[ContainerEvent] = []
    while made.has_something:
        items.append(made.take())
    return items


def test_what_there_is_room_for_comes_out_as_it_went_in() -> None:
    for overflow in Overflow:
        assert drained(buffer(overflow, event(1), event(2))) == [event(1), event(2)]


def test_the_oldest_make_room_and_a_gap_stands_where_they_were() -> None:
    made = buffer(Overflow.DROP_OLDEST, event(1), event(2))
    assert made.take() == event(1)
    for second in (3, 4, 5):
        made.put(event(second))
    assert drained(made) == [gap(1, 3, TOO_SLOW), event(4), event(5)]


def test_a_gap_begins_with_the_stream_if_nothing_came_before() -> None:
    made = buffer(Overflow.DROP_OLDEST, event(1), event(2), event(3))
    assert drained(made) == [gap(0, 1, TOO_SLOW), event(2), event(3)]


def test_what_comes_is_dropped_until_there_is_room_and_a_gap_stands_behind_what_was_kept() -> None:
    made = buffer(Overflow.DROP_NEWEST, *map(event, (1, 2, 3, 4)))
    assert made.take() == event(1)
    made.put(event(5))
    made.put(event(6))
    assert drained(made) == [event(2), gap(2, 4, TOO_SLOW), event(5), gap(5, 6, TOO_SLOW)]


def test_an_overflow_is_an_error_behind_what_there_was_and_nothing_comes_after_it() -> None:
    made = buffer(Overflow.RAISE, *map(event, (1, 2, 3)))
    assert [made.take(), made.take()] == [event(1), event(2)]
    made.put(event(4))
    made.put(gap(4, 5))
    for _ in range(2):
        assert made.has_something
        with pytest.raises(EventOverflowError, match="2 events") as caught:
            made.take()
        assert caught.value.size == 2


def test_gaps_beside_each_other_become_one_with_both_reasons() -> None:
    made = buffer(Overflow.DROP_OLDEST, event(1), gap(1, 2), event(3), event(4))
    assert drained(made) == [gap(0, 2, f"{TOO_SLOW}; lost"), event(3), event(4)]
    made = buffer(Overflow.DROP_OLDEST, event(1), gap(1, 2), event(3), event(4), event(5))
    assert drained(made) == [gap(0, 3, f"{TOO_SLOW}; lost"), event(4), event(5)]
    made = buffer(Overflow.DROP_NEWEST, event(1), gap(1, 2), gap(2, 3), gap(3, 4, "stopped"))
    assert drained(made) == [event(1), gap(1, 4, "lost; stopped")]


def test_gaps_take_no_room() -> None:
    made = buffer(Overflow.RAISE, event(1), gap(1, 2), event(3), gap(3, 4))
    assert len(drained(made)) == 4


_STEPS = st.lists(st.sampled_from(["event", "event", "gap", "take"]), max_size=60)


@given(_STEPS, st.integers(1, 4), st.sampled_from([Overflow.DROP_OLDEST, Overflow.DROP_NEWEST]))
def test_every_event_comes_in_order_or_is_in_a_gap_and_no_gap_has_one_that_comes(
    steps: Sequence[str], size: int, overflow: Overflow
) -> None:
    made, put, lost, taken, second = buffer(overflow, size=size), set[int](), list[EventGap](), [], 0
    for step in steps:
        second += 2
        if step == "event":
            put.add(second)
            made.put(event(second))
        elif step == "gap":
            lost.append(gap(second - 1, second))
            made.put(lost[-1])
        elif made.has_something:
            taken.append(made.take())
        waiting = len([item for item in list(made._items) if not isinstance(item, EventGap)])
        assert waiting <= size
    taken += drained(made)
    events = [item.time_nano for item in taken if not isinstance(item, EventGap)]
    gaps = [item for item in taken if isinstance(item, EventGap)]
    assert events == sorted(set(events))
    assert [item.timestamp for item in taken] == sorted(item.timestamp for item in taken)
    for moment in put - set(events):
        assert any(each.since < at(moment) <= each.timestamp for each in gaps)
    for each in gaps:
        assert not [moment for moment in events if each.since < at(moment) <= each.timestamp]
        assert each.timestamp in {at(moment) for moment in put - set(events)} | {one.timestamp for one in lost}
    for one in lost:
        assert any(each.since <= one.since and one.timestamp <= each.timestamp for each in gaps)
