"""Events, log lines and their points in time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime import InvalidValueError
from clab_runtime.models import ContainerEvent, EventAction, EventStreamOptions, EventType, LogLine, StreamName
from clab_runtime.models.timestamps import from_nanoseconds, from_rfc3339

MOMENT = datetime(2025, 12, 3, 10, 20, 30, 123456, UTC)


@pytest.mark.parametrize("word", ["start", "unpause", "restart", "die", "stop", "destroy", "kill"])
def test_containerlabs_actions_are_known(word: str) -> None:
    assert isinstance(EventAction.of(word), EventAction)
    assert EventAction.of(word) == word


@pytest.mark.parametrize("word", ["exec_start: ls -l", "health_status: starting", "checkpoint", ""])
def test_an_unknown_action_stays_the_string_that_it_is(word: str) -> None:
    action = EventAction.of(word)
    assert type(action) is str
    assert action == word


def test_health_is_told_by_the_action() -> None:
    assert EventAction.of("health_status: healthy") is EventAction.HEALTHY
    assert EventAction.of("health_status: unhealthy") is EventAction.UNHEALTHY


def test_an_event_is_about_a_container_by_default() -> None:
    event = ContainerEvent(timestamp=MOMENT, action="checkpoint")
    assert (event.type, event.action, event.attributes) == (EventType.CONTAINER, "checkpoint", {})


def test_options_filter_by_labels() -> None:
    assert EventStreamOptions(labels={"containerlab": ""}).labels == {"containerlab": ""}
    assert EventStreamOptions() == EventStreamOptions({})


def test_a_log_line_is_made_by_position_and_decoded_when_asked() -> None:
    line = LogLine(StreamName.STDERR, b"h\xc3\xa9\xff\n", "2025-12-03T10:20:30.123456789Z")
    assert (line.stream, line.text, line.time) == ("stderr", "h\u00e9\ufffd\n", MOMENT)
    assert LogLine(StreamName.STDOUT, b"").time is None


@pytest.mark.parametrize(
    "text",
    [
        "2025-12-03T10:20:30.123456789Z",
        "2025-12-03T10:20:30.123456Z",
        "2025-12-03T12:20:30.123456789+02:00",
        "2025-12-03T10:20:30.123456789",
    ],
)
def test_nanoseconds_are_cut_to_microseconds(text: str) -> None:
    assert from_rfc3339(text) == MOMENT
    assert from_rfc3339(text).tzinfo is not None


@pytest.mark.parametrize(("text", "microsecond"), [("", 0), (".5", 500000), (".1234567", 123456), (".000000001", 0)])
def test_go_leaves_out_trailing_zeros(text: str, microsecond: int) -> None:
    assert from_rfc3339(f"2025-12-03T10:20:30{text}Z") == MOMENT.replace(microsecond=microsecond)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)), st.integers(0, 999))  # noqa: DTZ001 - hypothesis wants naive bounds
def test_both_notations_mean_the_same_moment(moment: datetime, nanoseconds: int) -> None:
    total = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000 + nanoseconds
    text = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06}{nanoseconds:03}Z"
    assert from_nanoseconds(total) == from_rfc3339(text) == moment


@pytest.mark.parametrize(
    ("options", "field"),
    [({"buffer": 0}, "buffer"), ({"give_up_after": -1.0}, "give_up_after"), ({"overflow": "x"}, "overflow")],
)
def test_what_a_slow_consumer_or_an_engine_that_is_away_can_not_mean_is_refused(
    options: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidValueError, match=field):
        EventStreamOptions(**options)
