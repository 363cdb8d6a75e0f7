"""What a watch has to look at, and when."""

import math
from itertools import pairwise

import pytest

from clab_runtime.runtime.watch_agenda import GATHERED, HEARTBEAT, MOST_IDS, PATIENCE, Agenda


def fresh(now: float = 0.0) -> Agenda:
    """Make an agenda whose first look is done."""
    agenda = Agenda()
    agenda.done(None, [], now)
    return agenda


def test_everything_is_looked_at_at_first_and_once_in_a_while() -> None:
    agenda = Agenda()
    assert agenda.due < 0
    assert agenda.wanted(0) is None
    agenda.done(None, [], 5)
    assert agenda.due == 5 + HEARTBEAT
    assert agenda.wanted(5 + HEARTBEAT) is None


def test_what_comes_within_a_moment_is_looked_at_at_once() -> None:
    agenda = fresh()
    agenda.add("a", 1)
    agenda.add("b", 1 + GATHERED / 2)
    assert agenda.due == 1 + GATHERED
    assert agenda.wanted(agenda.due) == {"a", "b"}
    agenda.done({"a", "b"}, [], 2)
    assert agenda.due == HEARTBEAT, "looks at some do not put off the one at all"


def test_many_are_not_asked_for_one_by_one() -> None:
    agenda = fresh()
    for number in range(MOST_IDS + 1):
        agenda.add(str(number), 1)
    assert agenda.due == 1 + GATHERED
    assert agenda.wanted(agenda.due) is None


def test_a_look_at_everything_serves_all() -> None:
    agenda = fresh()
    agenda.add("a", 1)
    agenda.add_everything(1)
    assert (agenda.due, agenda.wanted(1)) == (1, None)
    agenda.done(None, [], 2)
    assert agenda.due == 2 + HEARTBEAT


def test_where_a_list_was_behind_it_is_asked_for_again_and_ever_more_seldom() -> None:
    agenda, now, waits = fresh(), 1.0, list[float]()
    for _ in range(12):
        agenda.done(agenda.wanted(now), ["a"], now)
        waits.append(agenda.due - now)
        now = agenda.due
        assert agenda.wanted(now) == {"a"}
    assert all(later > earlier - 1e-6 for earlier, later in pairwise(waits))
    assert (waits[0], waits[-1]) == (pytest.approx(0.02), pytest.approx(2))
    agenda.done({"a"}, [], now)
    agenda.done({"a"}, ["a"], now)
    assert agenda.due - now == pytest.approx(0.02)


def test_a_look_that_fails_is_put_off_and_loses_nothing() -> None:
    agenda = fresh()
    agenda.add("a", 1)
    agenda.put_off(2)
    first = agenda.due - 2
    agenda.add("b", 2)
    assert agenda.due - 2 == first > GATHERED
    assert agenda.wanted(agenda.due) == {"a", "b"}
    for _ in range(20):
        agenda.put_off(2)
    assert first < agenda.due - 2 <= 5
    agenda.done({"a", "b"}, [], 3)
    agenda.add("c", 3)
    assert agenda.due == 3 + GATHERED


def test_an_engine_that_is_there_and_fails_is_not_asked_for_ever() -> None:
    agenda = fresh()
    assert not agenda.failed(0)
    assert not agenda.failed(PATIENCE)
    assert agenda.failed(PATIENCE + 1)
    agenda.put_off(PATIENCE + 2)
    assert not agenda.failed(2 * PATIENCE), "it was away meanwhile"
    agenda.done(None, [], 2 * PATIENCE)
    assert not agenda.failed(4 * PATIENCE)


def test_nothing_is_due_for_ever_only() -> None:
    assert fresh().due < math.inf
