"""EngineClient: negotiation, errors, limits, uploads, time, and being closed."""

from collections.abc import AsyncIterator
from typing import cast

import anyio
import httpx
import pytest
from pytest_httpx import HTTPXMock

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import (
    ConflictError,
    ContainerRuntimeError,
    EngineConnectionError,
    EngineError,
    EngineInternalError,
    EngineProtocolError,
    InvalidValueError,
    NotFoundError,
    UnsupportedOperationError,
)
from tests.conftest import NoLeaks
from tests.engine.fake_engine import PING, Peer, Request, answer, answering, chunk, chunked, fake_engine

pytestmark = pytest.mark.anyio


async def pieces(*items: bytes) -> AsyncIterator[bytes]:
    for item in items:
        yield item


# ---------------------------------------------------------------- negotiation


async def test_the_version_is_asked_for_once_and_stands_in_every_path() -> None:
    async with fake_engine(answering(answer(b'{"Version":"1"}'))) as engine:
        async with EngineClient(engine.endpoint) as client, anyio.create_task_group() as tasks:
            for _ in range(10):
                tasks.start_soon(client.system.version)
        assert engine.pings == 1
        assert {request.target for request in engine.requests} == {"/v1.41/version"}


@pytest.mark.parametrize(
    ("headers", "spoken", "engine_name", "version"),
    [
        (("Api-Version: 1.40", "Server: Docker/19.03.1 (linux)"), "1.40", "docker", "19.03.1"),
        (("Api-Version: 1.41", "Server: Libpod/4.3.1 (linux)", "Libpod-Api-Version: 4.3.1"), "1.41", "podman", "4.3.1"),
        (("Api-Version: 9.99",), "1.55", "docker", ""),
    ],
)
async def test_the_newest_version_that_both_know_is_spoken(
    headers: tuple[str, ...], spoken: str, engine_name: str, version: str
) -> None:
    async with (
        fake_engine(answering(answer(b"{}")), ping=answer(b"OK", *headers)) as engine,
        EngineClient(engine.endpoint) as client,
    ):
        info = await client.info()
        assert (info.engine, info.version, info.api_version) == (engine_name, version, APIVersion.parse(spoken))
        await client.system.version()
        assert engine.requests[0].target == f"/v{spoken}/version"


async def test_an_engine_that_is_too_old_is_refused_by_name() -> None:
    ping = answer(b"OK", "Api-Version: 1.39", "Server: Docker/18.09.1 (linux)")
    async with fake_engine(answering(answer()), ping=ping) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(UnsupportedOperationError, match=r"docker 18\.09\.1 .*1\.40 or newer .*1\.39"):
            await client.system.version()
        assert engine.requests == []


@pytest.mark.parametrize("ping", [answer(b"hello"), answer(b"", "Api-Version: new"), answer(b"", "Server: nginx/1")])
async def test_what_is_no_engine_is_refused(ping: bytes) -> None:
    async with fake_engine(answering(answer()), ping=ping) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(EngineProtocolError, match=r"unix:///.*is no container engine"):
            await client.system.version()


async def test_a_ping_that_fails_is_asked_again_by_the_next_call() -> None:
    answers = [b"junk", answer(b"starting", status="503 Service Unavailable"), PING, answer(b"{}")]

    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(answers.pop(0))

    async with fake_engine(script, ping=None) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(EngineProtocolError):
            await client.system.version()
        with pytest.raises(EngineInternalError, match="starting"):
            await client.system.version()
        await client.system.version()
        assert [request.target for request in engine.requests] == ["/_ping", "/_ping", "/_ping", "/v1.41/version"]


async def test_a_ping_that_is_never_answered_is_bounded() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.hung_up()

    async with fake_engine(script, ping=None) as engine, EngineClient(engine.endpoint, timeout=0.5) as client:
        with anyio.move_on_after(3) as scope, pytest.raises(TimeoutError):
            await client.system.info()
        assert not scope.cancelled_caught


async def test_a_negotiation_that_is_cancelled_lets_the_next_one_go_on(no_leaks: NoLeaks) -> None:
    calls = 0

    async def script(peer: Peer, _request: Request) -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            await peer.hung_up()
        else:
            await peer.send(PING)

    async with fake_engine(script, ping=None) as engine, no_leaks(), EngineClient(engine.endpoint) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.info)
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert (await client.info()).engine == "docker"


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (answer(b'{"message":"No such container: x"}', status="404 Not Found"), NotFoundError, "No such container: x"),
        (answer(b"plain\n", status="409 Conflict"), ConflictError, "plain"),
        (answer(status="500 Oops"), EngineInternalError, "(the engine gave no reason)"),
        (answer(b"moved", "Location: /y", status="301 Moved"), EngineError, "moved"),
        (answer(b'{"message":"\xff"}', status="500 Oops"), EngineInternalError, "message"),
        (answer(b'{"message":5}', status="500 Oops"), EngineInternalError, "5"),
        (answer(b"<html>" * 10_000, status="502 Bad Gateway"), EngineInternalError, "<html>"),
    ],
)
async def test_an_error_status_is_an_error_with_the_engines_words(
    data: bytes, kind: type[EngineError], words: str, no_leaks: NoLeaks
) -> None:
    async with fake_engine(answering(data)) as engine, no_leaks(), EngineClient(engine.endpoint) as client:
        for attempt in (client.containers.start, client.containers.inspect, client.containers.attach):
            with pytest.raises(kind) as caught:
                await attempt("x")
            assert words in caught.value.message
            assert len(str(caught.value)) < 2200
            assert (type(caught.value), caught.value.status) == (kind, int(data[9:12]))
        assert "0 busy" in repr(client)


async def test_304_is_a_success() -> None:
    async with (
        fake_engine(answering(b"HTTP/1.1 304 Not Modified\r\n\r\n")) as engine,
        EngineClient(engine.endpoint) as client,
    ):
        await client.containers.start("x")
        await client.containers.stop("x", timeout=0)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"Id":5}', b"{}", b'{"Id":"\xff"}', b"OK"])
async def test_an_answer_of_another_shape_is_a_protocol_error(body: bytes) -> None:
    async with fake_engine(answering(answer(body))) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(EngineProtocolError, match=r"GET /containers/x/json.*can't be read"):
            await client.containers.inspect("x")


@pytest.mark.parametrize("data", [answer(b"x" * 101), chunked(*[b"x"] * 101), chunked(b"x" * 200, end=False)])
async def test_a_body_over_the_limit_is_refused_and_its_connection_closed(data: bytes, no_leaks: NoLeaks) -> None:
    async with fake_engine(answering(data)) as engine, no_leaks():
        async with EngineClient(engine.endpoint, max_body=100) as client:
            with pytest.raises(EngineProtocolError, match=r"GET /version.*over the limit of 100 bytes"):
                await client.system.version()
            assert "0 busy" in repr(client)
        error = b"HTTP/1.1 500 Oops" + data[len(b"HTTP/1.1 200 OK") :]
    async with fake_engine(answering(error)) as engine, EngineClient(engine.endpoint, max_body=100) as client:
        with pytest.raises(ContainerRuntimeError):
            await client.system.version()


async def test_a_body_of_the_limits_size_passes() -> None:
    body = b'{"Version":"' + b"x" * 86 + b'"}'
    async with fake_engine(answering(answer(body))) as engine, EngineClient(engine.endpoint, max_body=100) as client:
        assert (await client.system.version()).version == "x" * 86


# ---------------------------------------------------------------- time


async def test_a_unary_call_without_an_answer_times_out_and_says_so(no_leaks: NoLeaks) -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.target.endswith("/networks"):
            await peer.send(chunked(b"{", end=False))
        await peer.hung_up()

    async with fake_engine(script) as engine, no_leaks(), EngineClient(engine.endpoint, timeout=0.5) as client:
        await client.info()
        for attempt, where in ((client.system.version, "GET .*/version"), (client.networks.list, "GET .*/networks")):
            with pytest.raises(TimeoutError, match=f"{where}: .*has not answered in time"):
                await attempt()
        with pytest.raises(TimeoutError, match=r"POST .*has not answered in time"):
            await client.containers.attach("x")
        assert "0 busy, 0 idle, 0 dedicated" in repr(client)


async def test_a_stop_has_the_stops_own_time_on_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clab_runtime.engine.containers.STOP_MARGIN", 0.2)

    async def script(peer: Peer, _request: Request) -> None:
        await anyio.sleep(0.1)
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with fake_engine(script) as engine, EngineClient(engine.endpoint, timeout=0.5) as client:
        await client.containers.stop("x", timeout=0)


async def test_waiting_for_a_container_and_an_upload_have_no_time_out() -> None:
    async def script(peer: Peer, request: Request) -> None:
        await anyio.sleep(0.05)
        await peer.body(request)
        await peer.send(answer(b'{"StatusCode":7}'))

    async with fake_engine(script) as engine, EngineClient(engine.endpoint, timeout=0.5) as client:
        assert (await client.containers.wait("x")).status_code == 7
        await client.containers.put_archive("x", "/", pieces(b"tar"))
        assert engine.requests[1].body == b"tar"


# ---------------------------------------------------------------- uploads


async def test_an_image_is_loaded_while_its_progress_comes() -> None:
    seen = anyio.Event()

    async def archive() -> AsyncIterator[bytes]:
        yield b"first"
        await seen.wait()
        yield b"last"

    async def script(peer: Peer, request: Request) -> None:
        await peer.send(chunked(b'{"stream":"Loading"}\n', end=False))
        seen.set()
        await peer.body(request)
        await peer.send(chunk(b'{"stream":"Loaded image: x"}\n'), b"0\r\n\r\n")

    async with fake_engine(script) as engine, EngineClient(engine.endpoint) as client:
        lines = [line.stream async for line in client.images.load(archive())]
        assert lines == ["Loading", "Loaded image: x"]
        assert engine.requests[0].body == b"firstlast"
        assert engine.requests[0].headers["content-type"] == "application/x-tar"


async def test_an_upload_that_the_engine_refuses_early_is_a_typed_error(no_leaks: NoLeaks) -> None:
    class Endless:
        def __aiter__(self) -> "Endless":
            return self

        async def __anext__(self) -> bytes:
            return b"x" * 65536

    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(answer(b'{"message":"no such container"}', status="404 Not Found"))
        await over.wait()  # it never reads the body, nor hangs up
        await peer.hang_up()

    over = anyio.Event()
    async with fake_engine(script) as engine, no_leaks(), EngineClient(engine.endpoint) as client:
        with anyio.fail_after(10), pytest.raises(NotFoundError, match="no such container"):
            await client.containers.put_archive("x", "/", Endless())
        with anyio.fail_after(10), pytest.raises(NotFoundError):
            await anext(client.images.load(Endless()))
        assert "0 dedicated" in repr(client)
        over.set()


async def test_an_error_of_the_archive_is_passed_on(no_leaks: NoLeaks) -> None:
    async def archive() -> AsyncIterator[bytes]:
        yield b"a"
        raise FileNotFoundError("image.tar")

    async with fake_engine(answering(answer())) as engine, no_leaks(), EngineClient(engine.endpoint) as client:
        with pytest.raises(FileNotFoundError, match=r"image\.tar"):
            await client.containers.put_archive("x", "/", archive())


# ---------------------------------------------------------------- a closed client, an absent engine


async def test_a_closed_client_refuses_every_kind_of_call_and_opens_nothing(no_leaks: NoLeaks) -> None:
    async with fake_engine(answering(answer(b"{}"))) as engine, no_leaks():
        client = EngineClient(engine.endpoint)
        await client.system.info()
        await client.aclose()
        await client.aclose()
        connections = engine.connections
        for attempt in (client.system.info, client.system.ping, client.containers.logs("x").open):
            with pytest.raises(EngineConnectionError, match="this client has been closed"):
                await attempt()
        with pytest.raises(EngineConnectionError, match="this client has been closed"):
            await client.containers.attach("x")
        with pytest.raises(EngineConnectionError, match="this client has been closed"):
            await anext(client.images.pull("x", "y"))
        assert engine.connections == connections
        assert "0 busy, 0 idle, 0 dedicated" in repr(client)


async def test_calls_that_are_under_way_when_the_client_closes_leave_no_connection(no_leaks: NoLeaks) -> None:
    go_on = anyio.Event()

    async def script(peer: Peer, _request: Request) -> None:
        await go_on.wait()
        await peer.send(answer(b"{}"))

    async with fake_engine(script) as engine, no_leaks():
        client = EngineClient(engine.endpoint)
        await client.info()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.system.info)
            await anyio.wait_all_tasks_blocked()
            await client.aclose()
            go_on.set()
        assert "0 busy, 0 idle" in repr(client)


async def test_an_absent_engine_names_its_socket_and_what_to_do() -> None:
    async with EngineClient("unix:///nowhere/engine.sock") as client:
        with pytest.raises(EngineConnectionError) as caught:
            await client.system.info()
        assert "unix:///nowhere/engine.sock" in str(caught.value)
        assert "start docker" in caught.value.advice
        assert (
            repr(client) == "<EngineClient <EngineTransport unix:///nowhere/engine.sock: 0 busy, 0 idle, 0 dedicated>>"
        )


async def test_an_engine_that_was_restarted_is_found_again() -> None:
    async def script(peer: Peer, _request: Request) -> None:
        await peer.send(answer(b"{}"))

    async with fake_engine(script) as engine, EngineClient(engine.endpoint) as client:
        await client.system.info()
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(client.system.info)
        assert engine.pings == 1


# ---------------------------------------------------------------- any other httpx transport


def mocked(endpoint: EngineEndpoint | str = "unix:///fake.sock") -> EngineClient:
    return EngineClient(endpoint, transport=httpx.AsyncHTTPTransport())


def add_ping(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="http://localhost/_ping", headers={"Api-Version": "1.41"})


@pytest.mark.parametrize(
    ("foreign", "ours"),
    [
        (httpx.ReadTimeout("slow"), TimeoutError),
        (httpx.PoolTimeout("slow"), TimeoutError),
        (httpx.ConnectTimeout("slow"), TimeoutError),
        (httpx.RemoteProtocolError("slow"), EngineProtocolError),
        (httpx.LocalProtocolError("slow"), EngineProtocolError),
        (httpx.ConnectError("slow"), EngineConnectionError),
        (httpx.ReadError("slow"), EngineConnectionError),
        (httpx.WriteError("slow"), EngineConnectionError),
        (httpx.ProxyError("slow"), EngineConnectionError),
    ],
)
async def test_another_transports_exceptions_become_ours(
    httpx_mock: HTTPXMock, foreign: Exception, ours: type[Exception]
) -> None:
    add_ping(httpx_mock)
    httpx_mock.add_exception(foreign, is_reusable=True)
    async with mocked() as client:
        with pytest.raises(ours, match="slow") as caught:
            await client.system.info()
        assert type(caught.value) is ours
        assert caught.value.__cause__ is foreign
        with pytest.raises(ours, match="slow"):
            await client.containers.logs("x").open()


class Breaking(httpx.AsyncByteStream):
    """A body that breaks after its first piece."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"{"
        raise httpx.ReadError("broke")


async def test_another_transports_exceptions_inside_the_body_become_ours(httpx_mock: HTTPXMock) -> None:
    add_ping(httpx_mock)
    httpx_mock.add_callback(lambda _: httpx.Response(200, stream=Breaking()), is_reusable=True)
    async with mocked() as client:
        with pytest.raises(EngineConnectionError, match="broke"):
            await client.system.info()
        raw = client.containers.logs("x")
        await raw.open()
        assert await raw.receive() == b"{"
        with pytest.raises(EngineConnectionError, match="broke"):
            await raw.receive()
        await raw.aclose()


async def test_an_upgrade_needs_our_own_transport(httpx_mock: HTTPXMock) -> None:
    add_ping(httpx_mock)
    httpx_mock.add_response(status_code=101)
    async with mocked() as client:
        with pytest.raises(EngineProtocolError, match="did not turn the connection into a raw stream"):
            await client.execs.start("x")


@pytest.mark.parametrize(
    ("endpoint", "url", "host"),
    [
        (EngineEndpoint(scheme="unix", path="/x"), "http://localhost/_ping", "localhost"),
        (EngineEndpoint(scheme="ssh", host="far"), "http://localhost/_ping", "localhost"),
        (EngineEndpoint(scheme="tcp", host="far", port=99), "http://far:99/_ping", "far:99"),
        (EngineEndpoint(scheme="tcp", host="::1", port=99), "http://[::1]:99/_ping", "[::1]:99"),
        (EngineEndpoint(scheme="tcp", host="far", tls=TLSFiles()), "https://far:2376/_ping", "far:2376"),
    ],
)
async def test_urls_name_the_endpoint(httpx_mock: HTTPXMock, endpoint: EngineEndpoint, url: str, host: str) -> None:
    httpx_mock.add_response(url=url, headers={"Api-Version": "1.41"})
    async with mocked(endpoint) as client:
        await client.info()
    assert cast("httpx.Request", httpx_mock.get_request()).headers["host"] == host


async def test_text_that_can_not_be_written_as_utf8_is_refused_before_any_request() -> None:
    async with fake_engine(answering(answer(b"{}"))) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(InvalidValueError):
            await client.containers.create("x1", schema.ContainerCreate(image="\ud800"))
        with pytest.raises(InvalidValueError):
            await client.containers.put_archive("x", "/\ud800", pieces())
        assert engine.requests == []
