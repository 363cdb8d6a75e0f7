"""The source of events, on an engine that plays scripts."""

import pytest

from clab_runtime import ContainerEvent, EngineProtocolError, EventAction, NotFoundError, Stream
from clab_runtime.engine import RawStream
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.translate import event_from_wire
from clab_runtime.streams.events import EventSource
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Script, answering, answering_once, chunked, fake_engine

pytestmark = pytest.mark.anyio

START = b'{"Type":"container","Action":"start","Actor":{"ID":"a"},"time":1,"timeNano":1000000001}'
ODD = b'{"Type":"container","Action":"exec_start: ls -l","Actor":{"ID":"a"},"time":2}'


async def read(script: Script) -> tuple[list[ContainerEvent], Exception | None]:
    """Read events until they end, and return what they ended with."""
    seen: list[ContainerEvent] = []
    failure: Exception | None = None
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:

        async def listen() -> RawStream:
            return client.system.events()

        stream = Stream(EventSource(listen, event_from_wire))
        try:
            async with stream:
                async for event in stream:
                    seen.append(event)  # noqa: PERF401 - those before a failure count
        except (EngineProtocolError, NotFoundError) as exc:
            failure = exc
        assert "0 dedicated" in repr(client)
    return seen, failure


@pytest.mark.parametrize(
    "pieces", [(START + b"\n" + ODD + b"\n",), (START + ODD,), (START[:9], START[9:] + b"\n" + ODD)]
)
async def test_events_come_out_of_pieces_of_any_kind_and_their_end_is_no_silence(
    pieces: tuple[bytes, ...], no_leaks: NoLeaks
) -> None:
    async with no_leaks():
        seen, failure = await read(answering(chunked(*pieces)))
    assert [event.action for event in seen] == [EventAction.START, "exec_start: ls -l"]
    assert seen[1].timestamp.timestamp() == 2
    assert isinstance(failure, EngineProtocolError)
    assert "ended the stream of events" in str(failure)


@pytest.mark.parametrize("data", [b"", START[:20]], ids=["between", "inside"])
async def test_a_connection_that_breaks_is_an_error(data: bytes, no_leaks: NoLeaks) -> None:
    async with no_leaks():
        seen, failure = await read(
            answering_once(chunked(START, data, end=False) if data else chunked(START, end=False))
        )
    assert len(seen) == 1
    assert isinstance(failure, EngineProtocolError)


async def test_what_is_no_event_is_an_error_after_those_before_it() -> None:
    seen, failure = await read(answering(chunked(START + b"\nnonsense\n")))
    assert len(seen) == 1
    assert isinstance(failure, EngineProtocolError)


async def test_an_engine_that_refuses_is_an_error_when_the_stream_is_entered(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        seen, failure = await read(answering(chunked(b'{"message":"no"}', status="404 Not Found")))
    assert seen == []
    assert isinstance(failure, NotFoundError)


async def test_events_that_were_never_opened_are_closed_without_a_word(no_leaks: NoLeaks) -> None:
    async def listen() -> RawStream:
        raise AssertionError

    async with no_leaks():
        source = EventSource(listen, event_from_wire)
        assert await source.next_batch() is None
        await Stream(source).aclose()
