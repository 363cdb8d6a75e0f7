"""Events of real engines over connections that are lost, over restarts, and for many who listen."""

import contextlib
import secrets

import pytest

from clab_runtime import (
    ContainerEvent,
    EngineConnectionError,
    EngineProtocolError,
    EventAction,
    EventGap,
    EventStreamOptions,
    Overflow,
    Stream,
)
from clab_runtime.streams import event_reader
from tests.conftest import NoLeaks
from tests.contract.another import behind_proxy
from tests.contract.differences import Differs
from tests.contract.lab import LIMIT, Lab, open_lab, runtime_for, within
from tests.engines import Engine, kill, start
from tests.noting import noting

pytestmark = pytest.mark.anyio

LIFE = (EventAction.CREATE, EventAction.DESTROY)
"""What is told of a container that is never started, on all engines."""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never take an engine for quiet, be the machine ever so busy: that would be a gap."""
    monkeypatch.setattr(event_reader, "QUIET", LIMIT)


def of_lab(lab: Lab, **more: object) -> EventStreamOptions:
    return EventStreamOptions(labels={"containerlab": lab.name}, **more)  # type: ignore[arg-type]


async def live(lab: Lab, *names: str) -> None:
    """Have containers come and go, by a connection that is never cut."""
    for name in names:
        node = lab.node(name)
        await lab.runtime.create_container(node)
        await lab.runtime.delete_container(node.long_name)


def lives(lab: Lab, *names: str) -> list[tuple[str, str]]:
    return [(lab.node(name).long_name, action) for name in names for action in LIFE]


async def take(stream: Stream[ContainerEvent], count: int) -> list[ContainerEvent]:
    return [await within(stream.__anext__) for _ in range(count)]


def told(events: list[ContainerEvent]) -> list[tuple[str, str]]:
    return [("", "gap") if isinstance(event, EventGap) else (event.actor_name, event.action) for event in events]


# ---------------------------------------------------------------- many who listen


@pytest.mark.proves("stream_events")
async def test_all_who_listen_share_a_connection_and_each_has_what_it_wants(engine: Engine, no_leaks: NoLeaks) -> None:
    requests: list[str] = []
    async with no_leaks(), open_lab(engine) as lab:
        others = [lab.runtime.stream_events(of_lab(lab)) for _ in range(20)]
        with noting(requests.append):
            async with lab.runtime.stream_events() as whole, contextlib.AsyncExitStack() as stack:
                for stream in others:
                    await stack.enter_async_context(stream)
                assert ": 0 busy" in repr(lab.runtime)
                assert "1 dedicated" in repr(lab.runtime)
                await live(lab, "r1", "r2")
                for stream in others:
                    assert told(await take(stream, 4)) == lives(lab, "r1", "r2")
                assert told(await take(whole, 4)) == lives(lab, "r1", "r2")
        assert "0 dedicated" in repr(lab.runtime)
        assert len([request for request in requests if "/events?" in request]) == 1


@pytest.mark.proves("stream_events")
async def test_a_reader_that_is_slow_has_a_gap_and_another_one_all(lab: Lab) -> None:
    names = [f"r{number}" for number in range(4)]
    expected = lives(lab, *names)
    async with (
        lab.runtime.stream_events(of_lab(lab, buffer=3)) as slow,
        lab.runtime.stream_events(of_lab(lab, buffer=3, overflow=Overflow.DROP_NEWEST)) as late,
        lab.runtime.stream_events(of_lab(lab)) as quick,
    ):
        await live(lab, *names)
        whole = await take(quick, len(expected))
        assert told(whole) == expected
        gap, *rest = await take(slow, 4)
        assert told(rest) == expected[-3:]
        assert isinstance(gap, EventGap)
        assert (gap.timestamp, gap.time_nano) == (whole[-4].timestamp, whole[-4].time_nano)
        *begun, gap = await take(late, 4)
        assert told(begun) == expected[:3]
        assert isinstance(gap, EventGap)
        assert (gap.since, gap.timestamp) == (whole[2].timestamp, whole[-1].timestamp)


async def test_one_who_comes_later_has_what_happens_from_then_on(lab: Lab) -> None:
    async with lab.runtime.stream_events(of_lab(lab)) as first:
        for number in range(5):
            await live(lab, f"a{number}")
            async with lab.runtime.stream_events(of_lab(lab)) as later:
                await live(lab, f"b{number}")
                assert told(await take(later, 2)) == lives(lab, f"b{number}")
            assert told(await take(first, 4)) == lives(lab, f"a{number}", f"b{number}")


# ---------------------------------------------------------------- connections that are lost


@pytest.mark.proves("stream_events")
async def test_what_happens_while_the_connection_is_cut_is_told_once_it_is_there_again(
    engine: Engine, no_leaks: NoLeaks
) -> None:
    async with (
        no_leaks(),
        open_lab(engine) as lab,
        behind_proxy(engine) as (proxy, runtime),
        runtime.stream_events(of_lab(lab)) as one,
        runtime.stream_events(of_lab(lab)) as other,
    ):
        names = ["r0"]
        await live(lab, "r0")
        for number in range(5):
            names += (f"a{number}", f"b{number}")
            async with proxy.away():
                await live(lab, names[-2])
            await live(lab, names[-1])
        for stream in (one, other):
            assert told(await take(stream, 2 * len(names))) == lives(lab, *names)


@pytest.mark.proves("stream_events")
async def test_an_engine_that_stays_away_is_an_error_after_the_time_that_was_chosen(engine: Engine) -> None:
    async with (
        open_lab(engine) as lab,
        behind_proxy(engine) as (proxy, runtime),
        runtime.stream_events(of_lab(lab)) as patient,
    ):
        async with runtime.stream_events(of_lab(lab, give_up_after=0.2)) as impatient, proxy.away():
            with pytest.raises(EngineConnectionError, match="events could not be read"):
                await within(impatient.__anext__)
            with pytest.raises((EngineConnectionError, EngineProtocolError)):
                await anext(runtime.stream_events())
        name = secrets.token_hex(3)
        async with runtime.stream_events(of_lab(lab)) as later:
            await live(lab, name)
            assert told(await take(later, 2)) == lives(lab, name)
        seen = [event for event in told(await take(patient, 2)) if event != ("", "gap")]
        assert seen == lives(lab, name)[: len(seen)]


@pytest.mark.proves("stream_events")
async def test_a_stream_goes_on_when_the_engine_is_restarted_and_tells_what_it_can_not_know(
    engine: Engine, differs: Differs, no_leaks: NoLeaks
) -> None:
    async with no_leaks(), open_lab(engine) as lab, lab.runtime.stream_events(of_lab(lab)) as events:
        await live(lab, "r1")
        assert told(await take(events, 2)) == lives(lab, "r1")  # what is not sent before the end is in the gap
        kill(engine)
        start(engine)
        async with lab.runtime.stream_events(of_lab(lab)):  # which waits for the connection
            await live(lab, "r2")
        unknown = [("", "gap")] if differs("events over a restart") else []
        expected = [*unknown, *lives(lab, "r2")]
        assert told(await take(events, len(expected))) == expected


async def test_a_runtime_that_is_closed_ends_its_streams_by_an_error(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        runtime = runtime_for(engine)
        await runtime.init()
        async with runtime.stream_events() as stream:
            await runtime.aclose()
            with pytest.raises(EngineConnectionError, match="this client has been closed"):
                await within(stream.__anext__)
        with pytest.raises(EngineConnectionError, match="this client has been closed"):
            await anext(runtime.stream_events())
        await runtime.init()
        try:
            async with runtime.stream_events(of_lab(lab)) as stream:
                await live(lab, "r1")
                assert told(await take(stream, 2)) == lives(lab, "r1")
        finally:
            await runtime.aclose()
