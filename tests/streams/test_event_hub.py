"""All streams of events over one connection, on an engine that plays scripts: cuts, gaps, outages, and their end."""

import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit

import anyio
import anyio.lowlevel
import pytest

from clab_runtime import (
    ContainerEvent,
    EngineConnectionError,
    EngineInternalError,
    EngineProtocolError,
    EventAction,
    EventGap,
    EventOverflowError,
    EventStreamOptions,
    NotFoundError,
    Overflow,
    Stream,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.docker import DockerDialect
from clab_runtime.runtime.events import EngineEvents, wanted_by
from clab_runtime.runtime.podman import PodmanDialect
from clab_runtime.streams import event_reader
from clab_runtime.streams.event_hub import EventHub
from tests.conftest import NoLeaks
from tests.engine.fake_engine import FakeEngine, Peer, Request, answer, chunk, chunked, fake_engine

pytestmark = pytest.mark.anyio

LATER = 10 * 3600
"""Seconds from now at which what is scripted happens: no stream is younger."""
LIMIT = 20.0

REFUSED = answer(b'{"message":"no such thing"}', status="404 Not Found")
FAILED = answer(b'{"message":"out of order"}', status="500 Internal Server Error")
HEAD = chunked(end=False)

T0 = time.time_ns() + LATER * 1_000_000_000


def wire(number: int, action: str = "start", container: str = "a", kind: str = "container", labels: str = "") -> bytes:
    """Write an event, `number` seconds after the first one."""
    moment = T0 + number * 1_000_000_000
    return (
        f'{{"Type":"{kind}","Action":"{action}","Actor":{{"ID":"{container}","Attributes":{{{labels}}}}},'
        f'"time":{moment // 1_000_000_000},"timeNano":{moment}}}\n'
    ).encode()


BOTH = wire(1) + wire(2)


@dataclass
class Play:
    """What the engine does with one connection after the other; the last act is repeated."""

    acts: list[Callable[[Peer], Awaitable[None]]]
    played: int = 0
    began: list[float] = field(default_factory=list[float])

    async def reached(self, number: int) -> None:
        """Wait until so many connections have been asked for events."""
        with anyio.fail_after(LIMIT):
            while self.played < number:  # noqa: ASYNC110 - it is a test's, and short
                await anyio.sleep(0.01)

    async def __call__(self, peer: Peer, request: Request) -> None:
        await peer.body(request)
        self.began.append(time.monotonic())
        act = self.acts[min(self.played, len(self.acts) - 1)]
        self.played += 1
        await act(peer)


def cut(*pieces: bytes) -> Callable[[Peer], Awaitable[None]]:
    """Send events, and hang up in the midst of the answer."""

    async def act(peer: Peer) -> None:
        await peer.send(HEAD, *map(chunk, pieces))
        await peer.hang_up()

    return act


def hold(*pieces: bytes) -> Callable[[Peer], Awaitable[None]]:
    """Send events, and keep the connection."""

    async def act(peer: Peer) -> None:
        await peer.send(HEAD, *map(chunk, pieces))
        await peer.hung_up()

    return act


def refuse(data: bytes) -> Callable[[Peer], Awaitable[None]]:
    """Answer with an error."""

    async def act(peer: Peer) -> None:
        await peer.send(data)

    return act


class Feed:
    """A connection that a test sends events over, one after the other."""

    def __init__(self) -> None:
        self._peer: Peer | None = None
        self.over = anyio.Event()
        self.begun = anyio.Event()

    async def __call__(self, peer: Peer) -> None:
        await peer.send(HEAD)
        self._peer = peer
        self.begun.set()
        with contextlib.suppress(anyio.ClosedResourceError):
            await peer.hung_up()
        self.over.set()

    async def send(self, *pieces: bytes) -> None:
        await self.begun.wait()
        assert self._peer is not None
        await self._peer.send(*map(chunk, pieces))

    async def cut(self) -> None:
        assert self._peer is not None
        await self._peer.hang_up()


class At:
    """The hub, and the engine that it listens to."""

    def __init__(self, fake: FakeEngine, client: EngineClient, hub: EventHub, play: Play) -> None:
        self.fake = fake
        self.client = client
        self.hub = hub
        self.play = play

    def stream(self, **options: object) -> Stream[ContainerEvent]:
        chosen = EventStreamOptions(**options)  # type: ignore[arg-type]
        return self.hub.subscribe(wanted_by(chosen), chosen)

    def since(self) -> list[str]:
        """Tell from when on each connection has asked for events, in seconds after the first event."""
        asked = [parse_qs(urlsplit(request.target).query)["since"][0] for request in self.fake.requests]
        return [f"{float(moment) - T0 / 1e9:.0f}" if float(moment) else "all" for moment in asked]


@asynccontextmanager
async def at(
    *acts: Callable[[Peer], Awaitable[None]], dialect: Dialect | None = None, seconds: float = 30
) -> AsyncGenerator[At]:
    """Have a hub for an engine that plays a script; nothing may be left of it."""
    play = Play(list(acts))
    async with fake_engine(play) as fake, EngineClient(fake.endpoint, timeout=seconds) as client:
        hub = EventHub(EngineEvents(client, dialect or DockerDialect()))
        yield At(fake, client, hub, play)
        await hub.aclose()
        assert "0 dedicated" in repr(client)


async def take(stream: Stream[ContainerEvent], count: int) -> list[ContainerEvent]:
    with anyio.fail_after(LIMIT):
        return [await anext(stream) for _ in range(count)]


def told(events: list[ContainerEvent]) -> list[str]:
    """Tell the events by their actions, and gaps by their ends."""
    return [
        f"gap {_seconds(event.since.timestamp())} {_seconds(event.timestamp.timestamp())}"
        if isinstance(event, EventGap)
        else f"{event.action} {_seconds(event.time_nano / 1e9)}"
        for event in events
    ]


def _seconds(moment: float) -> str:
    seconds = round(moment - T0 / 1e9)
    return "?" if abs(seconds) > LATER / 2 else str(seconds)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon."""
    monkeypatch.setattr(event_reader, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(event_reader, "LAST_PAUSE", 0.02)


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Don't wait long for what does not come."""
    monkeypatch.setattr(event_reader, "QUIET", 0.05)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Never take an engine for quiet, be the machine ever so busy."""
    monkeypatch.setattr(event_reader, "QUIET", LIMIT)


# ---------------------------------------------------------------- what comes


@pytest.mark.parametrize(
    "pieces",
    [(BOTH,), (BOTH.replace(b"\n", b""),), (BOTH[:9], BOTH[9:-30], BOTH[-30:])],
    ids=["lines", "no lines", "halves"],
)
@pytest.mark.usefixtures("patient")
async def test_events_come_out_of_pieces_of_any_kind(pieces: tuple[bytes, ...], no_leaks: NoLeaks) -> None:
    async with no_leaks(), at(hold(*pieces)) as here, here.stream() as stream:
        assert told(await take(stream, 2)) == ["start 1", "start 2"]


async def test_all_streams_share_a_connection_that_ends_with_the_last_of_them(no_leaks: NoLeaks) -> None:
    feeds = [Feed(), Feed()]
    async with no_leaks(), at(*feeds) as here:
        streams = [here.stream(), here.stream(labels={"x": "1"}), here.stream(labels={"x": ""})]
        async with streams[2]:
            async with streams[0], streams[1]:
                await feeds[0].send(wire(1, labels='"x":"2"'), wire(2, labels='"x":"1"'), wire(3))
                assert told(await take(streams[0], 3)) == ["start 1", "start 2", "start 3"]
                assert told(await take(streams[1], 1)) == ["start 2"]
            assert told(await take(streams[2], 2)) == ["start 1", "start 2"]
            assert not feeds[0].over.is_set()
        with anyio.fail_after(LIMIT):
            await feeds[0].over.wait()
        assert "0 dedicated" in repr(here.client)
        assert len(here.fake.requests) == 1
        async with here.stream():
            await feeds[1].send(wire(4))
        assert here.since() == ["all", "all"]


async def test_many_that_are_opened_at_once_share_a_connection(no_leaks: NoLeaks) -> None:
    feed = Feed()
    async with no_leaks(), at(feed) as here:
        streams = [here.stream() for _ in range(20)]
        async with contextlib.AsyncExitStack() as stack:
            async with anyio.create_task_group() as tasks:
                for stream in streams:
                    tasks.start_soon(stream.__aenter__)
                    stack.push_async_callback(stream.aclose)
            await feed.send(wire(1))
            for stream in streams:
                assert told(await take(stream, 1)) == ["start 1"]
        assert len(here.fake.requests) == 1


async def test_what_happened_before_a_stream_was_opened_is_not_for_it() -> None:
    feed = Feed()
    async with at(feed) as here, here.stream() as first:
        await feed.send(wire(-2 * LATER, "old"), wire(1))
        assert told(await take(first, 1)) == ["start 1"]
        async with here.stream() as second:
            await feed.send(wire(-2 * LATER, "in flight"), wire(2))
            assert told(await take(second, 1)) == ["start 2"]
        assert told(await take(first, 1)) == ["start 2"]


async def test_a_clock_that_is_set_back_while_a_stream_goes_on_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "TRUST", -1)
    monkeypatch.setattr("clab_runtime.streams.event_consumer.TRUST", -1)
    async with at(hold(wire(-2 * LATER))) as here, here.stream() as stream:
        assert len(await take(stream, 1)) == 1


@pytest.mark.usefixtures("patient")
async def test_networks_are_told_to_those_who_ask_for_them() -> None:
    plug = wire(1, "connect", "n", "network", '"container":"c"')
    made = wire(2, "create", "n", "network")
    async with at(hold(plug, made, wire(3))) as here, here.stream() as containers:
        assert told(await take(containers, 1)) == ["start 3"]
        async with here.hub.subscribe(lambda _: True) as everything:
            assert everything
    async with at(hold(plug, made, wire(3))) as here, here.hub.subscribe(lambda _: True) as everything:
        connected, started = await take(everything, 2)
        assert (connected.type, connected.action, connected.attributes["container"]) == ("network", "connect", "c")
        assert started.action is EventAction.START


async def test_what_tells_events_apart_may_fail_and_harms_nobody_else() -> None:
    feed = Feed()

    def broken(event: ContainerEvent) -> bool:
        raise LookupError(event.actor_id)

    async with at(feed) as here, here.stream() as whole, here.hub.subscribe(broken) as stream:
        await feed.send(wire(1), wire(2))
        with pytest.raises(LookupError):
            await take(stream, 1)
        assert told(await take(whole, 2)) == ["start 1", "start 2"]


# ---------------------------------------------------------------- a connection that is lost


@pytest.mark.usefixtures("patient")
async def test_a_cut_in_the_middle_of_an_event_loses_and_doubles_nothing(
    no_leaks: NoLeaks, caplog: pytest.LogCaptureFixture
) -> None:
    feed = Feed()
    acts = feed, cut(wire(1), wire(2)), hold(wire(1), wire(2), wire(3))
    async with no_leaks(), at(*acts) as here, here.stream() as one, here.stream() as other:
        await feed.send(wire(1), wire(2)[:50])
        await feed.cut()
        for stream in (one, other):
            assert told(await take(stream, 3)) == ["start 1", "start 2", "start 3"]
        now = -LATER - 2  # as dear to an engine as it is to us: its clock is asked, too
        assert here.since()[0] == "all"
        assert all(float(since) == pytest.approx(now, abs=LATER / 4) for since in here.since()[1:])
    assert [record.levelname for record in caplog.records if record.name == "clab_runtime"].count("WARNING") == 2


@pytest.mark.usefixtures("patient")
async def test_without_an_event_that_was_seen_before_there_is_a_gap_in_its_place() -> None:
    async with at(cut(wire(1)), hold(wire(5), wire(6))) as here, here.stream() as stream:
        events = await take(stream, 4)
        assert told(events) == ["start 1", "gap 1 5", "start 5", "start 6"]
        assert "256" in getattr(events[1], "reason", "")
        async with here.stream() as later:
            assert later


@pytest.mark.usefixtures("quick", "quiet")
async def test_where_nothing_comes_after_a_cut_there_is_a_gap_even_so() -> None:
    async with at(cut(wire(1)), hold()) as here, here.stream(labels={"x": ""}) as stream:
        (gap,) = await take(stream, 1)
        assert isinstance(gap, EventGap)
        assert gap.timestamp >= gap.since


@pytest.mark.usefixtures("quick", "quiet")
async def test_where_nothing_was_ever_seen_a_ring_has_a_gap_and_a_log_has_none() -> None:
    async with at(cut(), hold()) as here, here.stream() as stream:
        assert isinstance((await take(stream, 1))[0], EventGap)
    async with at(cut(), hold(wire(3)), dialect=PodmanDialect()) as here, here.stream() as stream:
        assert told(await take(stream, 1)) == ["start 3"]


@pytest.mark.usefixtures("patient")
async def test_a_log_that_does_not_go_back_far_enough_has_a_gap() -> None:
    acts = cut(wire(1, "died")), hold(wire(2, "remove"))
    async with at(*acts, dialect=PodmanDialect()) as here, here.stream() as stream:
        events = await take(stream, 3)
        assert told(events) == ["die 1", "gap 1 2", "destroy 2"]
        assert "Podman" in getattr(events[1], "reason", "")


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    "bad",
    [
        b"nonsense\n",
        b'{"cause":"x","message":"the log is torn","response":500}\n',
        wire(2).replace(b'timeNano":', b'timeNano":99'),
        b'{"Type":"\xff"}\n',
    ],
    ids=["no JSON", "an error", "no moment", "no UTF-8"],
)
async def test_what_is_no_event_costs_the_connection_and_nothing_else(
    bad: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    acts = cut(wire(1), bad, wire(2)), hold(wire(1), wire(2), wire(3))
    async with at(*acts) as here, here.stream() as stream:
        assert told(await take(stream, 3)) == ["start 1", "start 2", "start 3"]
    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1


@pytest.mark.usefixtures("patient")
async def test_an_answer_that_ends_well_is_a_lost_connection_too() -> None:
    async def act(peer: Peer) -> None:
        await peer.send(chunked(wire(1)))

    async with at(act, hold(wire(1), wire(2))) as here, here.stream() as stream:
        assert told(await take(stream, 2)) == ["start 1", "start 2"]


# ---------------------------------------------------------------- an engine that is away


@pytest.mark.usefixtures("quick", "patient")
async def test_who_has_waited_long_enough_gives_up_and_the_others_wait_on(caplog: pytest.LogCaptureFixture) -> None:
    feed = Feed()
    async with (
        at(feed, *[refuse(FAILED)] * 5, hold(wire(1), wire(2))) as here,
        here.stream(give_up_after=0) as impatient,
        here.stream(give_up_after=float("inf")) as patient,
    ):
        await feed.send(wire(1))
        await feed.cut()
        assert told(await take(impatient, 1)) == ["start 1"]
        with pytest.raises(EngineConnectionError, match="out of order") as caught:
            await take(impatient, 1)
        assert isinstance(caught.value.__cause__, EngineInternalError)
        assert told(await take(patient, 2)) == ["start 1", "start 2"]
        with pytest.raises(StopAsyncIteration):
            await anext(impatient)
        assert here.play.played == 7
    levels = [record.levelname for record in caplog.records if record.name == "clab_runtime"]
    assert levels.count("WARNING") == 1


@pytest.mark.usefixtures("quick", "patient")
async def test_nobody_asks_an_engine_any_more_once_all_have_given_up(no_leaks: NoLeaks) -> None:
    async with no_leaks(), at(cut(wire(1)), refuse(FAILED), refuse(FAILED), hold(wire(2))) as here:
        async with here.stream(give_up_after=0) as stream:
            await take(stream, 1)
            with pytest.raises(EngineConnectionError):
                await take(stream, 1)
            assert here.play.played == 2
        with pytest.raises(EngineInternalError):
            async with here.stream():
                pass
        async with here.stream() as stream:
            assert told(await take(stream, 1)) == ["start 2"]


@pytest.mark.usefixtures("patient")
async def test_the_first_try_is_made_at_once_and_the_others_become_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(event_reader, "LAST_PAUSE", 0.1)
    acts = cut(wire(1)), *[refuse(FAILED)] * 4, hold(wire(1), wire(2))
    async with at(*acts) as here, here.stream() as stream:
        assert told(await take(stream, 2)) == ["start 1", "start 2"]
        pauses = [later - earlier for earlier, later in pairwise(here.play.began)]
    for pause, least in zip(pauses, (0, 0.05, 0.1, 0.1, 0.1), strict=True):
        assert pause >= least - 0.01


@pytest.mark.usefixtures("quick", "patient")
async def test_a_connection_that_brings_nothing_is_no_end_of_an_outage() -> None:
    async with at(cut(wire(1)), cut(wire(1), b"nonsense\n")) as here, here.stream(give_up_after=0.2) as stream:
        await take(stream, 1)
        with pytest.raises(EngineConnectionError) as caught:
            await take(stream, 1)
        assert isinstance(caught.value.__cause__, EngineProtocolError)


@pytest.mark.usefixtures("quick", "patient")
async def test_an_engine_that_refuses_the_first_connection_is_an_error_at_once(
    no_leaks: NoLeaks, caplog: pytest.LogCaptureFixture
) -> None:
    async with no_leaks(), at(refuse(REFUSED)) as here:
        for _ in range(2):
            with pytest.raises(NotFoundError):
                async with here.stream():
                    pass
        with pytest.raises(NotFoundError):
            await anext(here.stream())
        assert here.play.played == 3
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_who_comes_while_the_engine_is_away_is_told_so_and_one_who_comes_later_has_no_gap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(event_reader, "FIRST_PAUSE", 100)
    monkeypatch.setattr(event_reader, "LAST_PAUSE", 100)
    monkeypatch.setattr(event_reader, "QUIET", 0.1)
    acts = cut(wire(1)), refuse(FAILED), refuse(FAILED), Feed()
    async with at(*acts) as here, here.stream() as first:
        await take(first, 1)
        await here.play.reached(2)
        with pytest.raises(EngineInternalError):
            async with here.stream():
                pass
        async with here.stream() as second:  # whose coming is what ends the long pause
            assert isinstance((await take(first, 1))[0], EventGap)
            assert isinstance(acts[-1], Feed)
            await acts[-1].send(wire(9))
            assert told(await take(second, 1)) == told(await take(first, 1)) == ["start 9"]


async def test_an_engine_that_never_answers_is_an_error_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "SHORTEST_TRY", 0.1)

    async def silence(peer: Peer) -> None:
        await peer.hung_up()

    async with at(silence, seconds=0.1) as here:
        with pytest.raises(TimeoutError, match=r"GET /events: .* has not answered in time"):
            async with here.stream():
                pass


# ---------------------------------------------------------------- slow readers, and ends


async def test_a_slow_reader_has_a_gap_and_another_one_all() -> None:
    feed = Feed()
    async with (
        at(feed) as here,
        here.stream(buffer=2) as oldest,
        here.stream(buffer=2, overflow=Overflow.DROP_NEWEST) as newest,
        here.stream(buffer=2, overflow=Overflow.RAISE) as strict,
        here.stream() as quick,
    ):
        await feed.send(*map(wire, range(1, 6)))
        assert told(await take(quick, 5)) == [f"start {number}" for number in range(1, 6)]
        assert told(await take(oldest, 3)) == ["gap ? 3", "start 4", "start 5"]
        assert told(await take(newest, 3)) == ["start 1", "start 2", "gap 2 5"]
        assert told(await take(strict, 2)) == ["start 1", "start 2"]
        with pytest.raises(EventOverflowError):
            await take(strict, 1)


async def test_what_waits_is_counted_until_it_is_asked_for() -> None:
    feed = Feed()
    async with at(feed) as here, here.stream(buffer=2) as slow, here.stream() as quick:
        await feed.send(wire(1), wire(2))
        await take(quick, 2)
        assert told(await take(slow, 1)) == ["start 1"]
        await feed.send(wire(3), wire(4))
        await take(quick, 2)
        assert told(await take(slow, 3)) == ["gap 1 2", "start 3", "start 4"]


async def test_a_cancelled_reader_loses_nothing(no_leaks: NoLeaks) -> None:
    feed = Feed()
    async with no_leaks(), at(feed) as here, here.stream() as stream, here.stream() as other:
        seen: list[ContainerEvent] = []
        for number in range(10):
            with anyio.move_on_after(0.01):
                while True:
                    seen.append(await anext(stream))
            await feed.send(wire(number))
            await take(other, 1)
        seen += await take(stream, 10 - len(seen))
        assert told(seen) == [f"start {number}" for number in range(10)]


async def test_closing_ends_the_wait_of_another_task(no_leaks: NoLeaks) -> None:
    ends: list[str] = []

    async def follow(stream: Stream[ContainerEvent]) -> None:
        async for _ in stream:
            pass
        ends.append("end")

    async with no_leaks(), at(hold()) as here, anyio.create_task_group() as tasks:
        stream = here.stream()
        async with stream:
            tasks.start_soon(follow, stream)
            await anyio.wait_all_tasks_blocked()
        with anyio.fail_after(LIMIT):
            while not ends:
                await anyio.lowlevel.checkpoint()


async def test_who_opens_may_be_cancelled_or_closed_and_leaves_nothing(no_leaks: NoLeaks) -> None:
    async def silence(peer: Peer) -> None:
        await peer.hung_up()

    async with no_leaks(), at(silence) as here:
        with anyio.move_on_after(0.05) as scope:
            await here.stream().__aenter__()
        assert scope.cancelled_caught
        assert "0 dedicated" in repr(here.client)
        stream = here.stream()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.__aenter__)
            await anyio.wait_all_tasks_blocked()
            await stream.aclose()
        assert "0 dedicated" in repr(here.client)
        await here.stream().aclose()


async def test_a_client_that_is_closed_ends_all_streams_by_an_error(no_leaks: NoLeaks) -> None:
    feed = Feed()
    errors: list[Exception] = []

    async def expect(call: Callable[[], Awaitable[object]]) -> None:
        with anyio.fail_after(LIMIT):
            try:
                await call()
            except EngineConnectionError as exc:
                errors.append(exc)

    async with (
        no_leaks(),
        at(feed) as here,
        here.stream() as waiting,
        here.stream() as full,
        here.stream() as quick,
    ):
        await feed.send(wire(1))
        await take(quick, 1)
        await take(waiting, 1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(expect, waiting.__anext__)
            await anyio.wait_all_tasks_blocked()
            await here.hub.aclose()
        assert told(await take(full, 1)) == ["start 1"]
        await expect(full.__anext__)
        assert "0 dedicated" in repr(here.client)
    assert ["this client has been closed" in str(error) for error in errors] == [True, True]


async def test_a_client_that_is_closed_ends_an_opening_by_an_error(no_leaks: NoLeaks) -> None:
    async def silence(peer: Peer) -> None:
        await peer.hung_up()

    async def enter(stream: Stream[ContainerEvent]) -> None:
        with pytest.raises(EngineConnectionError, match="this client has been closed"):
            await stream.__aenter__()

    async with no_leaks(), at(silence) as here, anyio.create_task_group() as tasks:
        tasks.start_soon(enter, here.stream())
        await anyio.wait_all_tasks_blocked()
        await here.hub.aclose()


async def test_a_stream_that_is_opened_while_its_client_is_being_closed_is_refused(no_leaks: NoLeaks) -> None:
    async with no_leaks(), at(hold()) as here:
        await here.hub.aclose()
        with pytest.raises(EngineConnectionError, match="this client has been closed"):
            await here.stream().__aenter__()
        assert not here.fake.requests


async def test_a_stream_that_was_never_opened_has_nothing_and_is_closed_without_a_word(no_leaks: NoLeaks) -> None:
    async with no_leaks(), at(hold()) as here:
        await here.stream().aclose()
        assert not here.fake.requests
