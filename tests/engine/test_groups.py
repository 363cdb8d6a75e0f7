"""The groups of endpoints: method, path, query and body of each call, and ids that would lead elsewhere."""

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias, cast

import httpx
import pytest
from pytest_httpx import HTTPXMock

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import EngineProtocolError, InvalidValueError
from tests.engine.fake_engine import answer, answering, fake_engine

pytestmark = pytest.mark.anyio

Call: TypeAlias = Callable[[EngineClient], Awaitable[object]]

ID = {"Id": "i1"}
VOLUME = {"Name": "v1"}


async def archive() -> AsyncIterator[bytes]:
    yield b"tar"
    yield b"ball"


async def duplex_of(opening: Awaitable[object]) -> None:
    """Ask for a duplex, which the mocked transport has none of; the request is what counts."""
    with pytest.raises(EngineProtocolError):
        await opening


# What is called, what goes out (method, target, JSON body), what is answered.
CALLS: list[tuple[Call, str, str, object, object]] = [
    (lambda c: c.system.ping(), "GET", "/_ping", None, None),
    (lambda c: c.system.version(), "GET", "/version", None, {}),
    (lambda c: c.system.info(), "GET", "/info", None, {}),
    (lambda c: c.system.events().open(), "GET", "/events", None, None),
    (
        lambda c: c.system.events(filters={"type": ["container"]}, since="1.5", until="2").open(),
        "GET",
        "/events?filters=%7B%22type%22%3A+%5B%22container%22%5D%7D&since=1.5&until=2",
        None,
        None,
    ),
    (
        lambda c: c.containers.create("c1", schema.ContainerCreate(image="i")),
        "POST",
        "/containers/create?name=c1",
        {"Image": "i", "HostConfig": {}, "NetworkingConfig": {}},
        ID,
    ),
    (lambda c: c.containers.inspect("c1"), "GET", "/containers/c1/json", None, ID),
    (lambda c: c.containers.list(), "GET", "/containers/json?all=1", None, [ID]),
    (
        lambda c: c.containers.list(all_states=False, filters={"label": ["a=b", "c"]}),
        "GET",
        "/containers/json?all=0&filters=%7B%22label%22%3A+%5B%22a%3Db%22%2C+%22c%22%5D%7D",
        None,
        [],
    ),
    (lambda c: c.containers.start("c1"), "POST", "/containers/c1/start", None, None),
    (lambda c: c.containers.stop("c1", timeout=3), "POST", "/containers/c1/stop?t=3", None, None),
    (
        lambda c: c.containers.stop("c1", timeout=0, signal="SIGUSR1"),
        "POST",
        "/containers/c1/stop?t=0&signal=SIGUSR1",
        None,
        None,
    ),
    (lambda c: c.containers.kill("c1"), "POST", "/containers/c1/kill?signal=KILL", None, None),
    (lambda c: c.containers.pause("c1"), "POST", "/containers/c1/pause", None, None),
    (lambda c: c.containers.unpause("c1"), "POST", "/containers/c1/unpause", None, None),
    (lambda c: c.containers.remove("c1"), "DELETE", "/containers/c1?force=0&v=0", None, None),
    (lambda c: c.containers.remove("c1", force=True, volumes=True), "DELETE", "/containers/c1?force=1&v=1", None, None),
    (lambda c: c.containers.wait("c1"), "POST", "/containers/c1/wait?condition=not-running", None, {"StatusCode": 0}),
    (
        lambda c: c.containers.logs("c1").open(),
        "GET",
        "/containers/c1/logs?stdout=1&stderr=1&follow=0&timestamps=0",
        None,
        None,
    ),
    (
        lambda c: c.containers.logs("c1", follow=True, since=1.5, until=2, tail=0, timestamps=True).open(),
        "GET",
        "/containers/c1/logs?stdout=1&stderr=1&follow=1&since=1.5&until=2&tail=0&timestamps=1",
        None,
        None,
    ),
    (
        lambda c: duplex_of(c.containers.attach("c1", stdin=True)),
        "POST",
        "/containers/c1/attach?stream=1&stdin=1&stdout=1&stderr=1",
        None,
        None,
    ),
    (lambda c: c.containers.resize("c1", width=80, height=24), "POST", "/containers/c1/resize?w=80&h=24", None, None),
    (
        lambda c: c.execs.create("c1", schema.ExecCreate(cmd=["ls"], tty=True, env=["A=b"])),
        "POST",
        "/containers/c1/exec",
        {"Cmd": ["ls"], "Tty": True, "Env": ["A=b"]},
        ID,
    ),
    (lambda c: duplex_of(c.execs.start("e1")), "POST", "/exec/e1/start", {"Detach": False, "Tty": False}, None),
    (
        lambda c: duplex_of(c.execs.start("e1", tty=True)),
        "POST",
        "/exec/e1/start",
        {"Detach": False, "Tty": True},
        None,
    ),
    (
        lambda c: duplex_of(c.execs.start("e1", tty=True, console_size=(24, 80))),
        "POST",
        "/exec/e1/start",
        {"Detach": False, "Tty": True, "ConsoleSize": [24, 80], "h": 24, "w": 80},
        None,
    ),
    (lambda c: c.execs.start_detached("e1"), "POST", "/exec/e1/start", {"Detach": True, "Tty": False}, None),
    (lambda c: c.execs.inspect("e1"), "GET", "/exec/e1/json", None, {"ID": "e1", "ExitCode": None}),
    (lambda c: c.execs.resize("e1", width=80, height=24), "POST", "/exec/e1/resize?w=80&h=24", None, None),
    (lambda c: c.images.inspect("a/b:c"), "GET", "/images/a%2Fb%3Ac/json", None, ID),
    (lambda c: c.images.list(), "GET", "/images/json", None, []),
    (
        lambda c: c.images.list(filters={"reference": ["b"]}),
        "GET",
        "/images/json?filters=%7B%22reference%22%3A+%5B%22b%22%5D%7D",
        None,
        [ID],
    ),
    (lambda c: c.images.tag("i1", "r.io/x", "t"), "POST", "/images/i1/tag?repo=r.io%2Fx&tag=t", None, None),
    (lambda c: c.images.remove("i1"), "DELETE", "/images/i1?force=0", None, None),
    (lambda c: c.images.remove("i1", force=True), "DELETE", "/images/i1?force=1", None, None),
    (
        lambda c: c.networks.create(schema.NetworkCreate(name="n", enable_ipv6=True, labels={"a": "b"})),
        "POST",
        "/networks/create",
        {"Name": "n", "EnableIPv6": True, "IPAM": {}, "Labels": {"a": "b"}},
        ID,
    ),
    (lambda c: c.networks.inspect("n1"), "GET", "/networks/n1", None, ID),
    (lambda c: c.networks.list(), "GET", "/networks", None, [ID]),
    (
        lambda c: c.networks.list(filters={"name": ["^n$"]}),
        "GET",
        "/networks?filters=%7B%22name%22%3A+%5B%22%5En%24%22%5D%7D",
        None,
        [],
    ),
    (lambda c: c.networks.remove("n1"), "DELETE", "/networks/n1", None, None),
    (
        lambda c: c.networks.connect("n1", schema.NetworkConnect(container="c1")),
        "POST",
        "/networks/n1/connect",
        {"Container": "c1", "EndpointConfig": {}},
        None,
    ),
    (
        lambda c: c.networks.disconnect("n1", schema.NetworkDisconnect(container="c1", force=True)),
        "POST",
        "/networks/n1/disconnect",
        {"Container": "c1", "Force": True},
        None,
    ),
    (
        lambda c: c.volumes.create(schema.VolumeCreate(name="v1", driver="local")),
        "POST",
        "/volumes/create",
        {"Name": "v1", "Driver": "local"},
        VOLUME,
    ),
    (lambda c: c.volumes.inspect("v1"), "GET", "/volumes/v1", None, VOLUME),
    (lambda c: c.volumes.list(), "GET", "/volumes", None, {"Volumes": [VOLUME]}),
    (
        lambda c: c.volumes.list(filters={"dangling": ["true"]}),
        "GET",
        "/volumes?filters=%7B%22dangling%22%3A+%5B%22true%22%5D%7D",
        None,
        {"Volumes": None},
    ),
    (lambda c: c.volumes.remove("v1"), "DELETE", "/volumes/v1?force=0", None, None),
    (lambda c: c.volumes.remove("v1", force=True), "DELETE", "/volumes/v1?force=1", None, None),
]


@pytest.mark.parametrize(
    ("call", "method", "target", "body", "reply"), CALLS, ids=[f"{case[1]} {case[2]}" for case in CALLS]
)
async def test_a_call_sends_what_the_engine_expects(  # noqa: PLR0913, PLR0917 - a row of the table
    httpx_mock: HTTPXMock, call: Call, method: str, target: str, body: object, reply: object
) -> None:
    httpx_mock.add_response(url="http://localhost/_ping", headers={"Api-Version": "1.41"})
    httpx_mock.add_response(json=reply)
    async with EngineClient("unix:///fake.sock", transport=httpx.AsyncHTTPTransport()) as client:
        await call(client)
    sent = httpx_mock.get_requests()[-1]
    assert (sent.method, sent.url.raw_path.decode()) == (method, f"/v1.41{target}")
    assert sent.headers["host"] == "localhost"
    content = await sent.aread()
    assert (json.loads(content) if content else None) == body
    assert sent.headers.get("content-type") == (None if body is None else "application/json")
    assert "transfer-encoding" not in sent.headers


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("PUT", "/containers/c1/archive?path=%2Fetc%2Fx+y&noOverwriteDirNonDir=0"),
        ("POST", "/images/load"),
        ("POST", "/images/create?fromImage=r.io%2Fb&tag=sha256%3Aabc"),
    ],
)
async def test_archives_are_streamed_and_progress_is_read(method: str, target: str) -> None:
    async with fake_engine(answering(answer(b'{"status":"x"}'))) as engine, EngineClient(engine.endpoint) as client:
        if method == "PUT":
            await client.containers.put_archive("c1", "/etc/x y", archive())
        elif "load" in target:
            assert [line.status async for line in client.images.load(archive())] == ["x"]
        else:
            assert [line.status async for line in client.images.pull("r.io/b", "sha256:abc")] == ["x"]
    (request,) = engine.requests
    assert (request.method, request.target) == (method, f"/v1.41{target}")
    if "create" not in target:
        assert (request.body, request.headers["content-type"]) == (b"tarball", "application/x-tar")


async def test_replies_are_decoded(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url="http://localhost/_ping", headers={"Api-Version": "1.41"})
    httpx_mock.add_response(json={"Volumes": None})
    httpx_mock.add_response(json={"Id": "e1", "Warnings": None})
    httpx_mock.add_response(json=[{"Id": "c1", "Names": None, "Unknown": [1]}])
    async with EngineClient("unix:///fake.sock", transport=httpx.AsyncHTTPTransport()) as client:
        assert not await client.volumes.list()
        assert await client.execs.create("c1", schema.ExecCreate(cmd=[])) == "e1"
        (container,) = await client.containers.list()
        assert (container.id, container.names, container.state) == ("c1", None, "")


# ---------------------------------------------------------------- ids that would lead elsewhere


def upload(client: EngineClient, name: str) -> Awaitable[object]:
    return client.containers.put_archive(name, "/", archive())


BY_ID: dict[str, Callable[[EngineClient, str], Awaitable[object]]] = {
    "containers.inspect": lambda c, i: c.containers.inspect(i),
    "containers.start": lambda c, i: c.containers.start(i),
    "containers.stop": lambda c, i: c.containers.stop(i, timeout=0),
    "containers.kill": lambda c, i: c.containers.kill(i),
    "containers.pause": lambda c, i: c.containers.pause(i),
    "containers.unpause": lambda c, i: c.containers.unpause(i),
    "containers.remove": lambda c, i: c.containers.remove(i),
    "containers.wait": lambda c, i: c.containers.wait(i),
    "containers.put_archive": upload,
    "containers.attach": lambda c, i: c.containers.attach(i),
    "containers.resize": lambda c, i: c.containers.resize(i, width=1, height=1),
    "execs.create": lambda c, i: c.execs.create(i, schema.ExecCreate(cmd=["x"])),
    "execs.start": lambda c, i: c.execs.start(i),
    "execs.start_detached": lambda c, i: c.execs.start_detached(i),
    "execs.inspect": lambda c, i: c.execs.inspect(i),
    "execs.resize": lambda c, i: c.execs.resize(i, width=1, height=1),
    "images.inspect": lambda c, i: c.images.inspect(i),
    "images.tag": lambda c, i: c.images.tag(i, "r", "t"),
    "images.remove": lambda c, i: c.images.remove(i),
    "networks.inspect": lambda c, i: c.networks.inspect(i),
    "networks.remove": lambda c, i: c.networks.remove(i),
    "networks.connect": lambda c, i: c.networks.connect(i, schema.NetworkConnect(container="x")),
    "networks.disconnect": lambda c, i: c.networks.disconnect(i, schema.NetworkDisconnect(container="x")),
    "volumes.inspect": lambda c, i: c.volumes.inspect(i),
    "volumes.remove": lambda c, i: c.volumes.remove(i),
    "containers.logs": lambda c, i: c.containers.logs(i).open(),
    "containers.create": lambda c, i: c.containers.create(i, schema.ContainerCreate(image="x")),
    "images.pull": lambda c, i: anext(c.images.pull(i, "t")),
    "images.pull, tag": lambda c, i: anext(c.images.pull("r", i)),
}
REFUSED = ["", "  ", "\t\n", "\u2003", ".", "..", "/", "a/../../images/x", "\ud800", "\0", "%2e%2e", None, 5]
HOSTILE = [
    "a/.../images/x",
    "x\r\nHost: y",
    "x?y#z",
    "x" * 10_240,
    "a/b",
    "é\u2028",
    "x y",
    "...",
    "\x7f",
]


@pytest.mark.parametrize("call", BY_ID.values(), ids=BY_ID)
async def test_an_id_that_no_object_can_have_is_refused_before_any_request(
    call: Callable[[EngineClient, str], Awaitable[object]],
) -> None:
    async with fake_engine(answering(answer())) as engine, EngineClient(engine.endpoint) as client:
        for name in REFUSED:
            with pytest.raises(InvalidValueError, match="is not valid"):
                await call(client, cast("str", name))
        assert engine.connections == 0


@pytest.mark.parametrize("call", BY_ID.values(), ids=BY_ID)
async def test_a_hostile_id_is_one_encoded_word_on_the_wire(
    call: Callable[[EngineClient, str], Awaitable[object]],
) -> None:
    async with (
        fake_engine(answering(answer(status="404 Not Found"))) as engine,
        EngineClient(engine.endpoint) as client,
    ):
        await client.info()
        for name in ["plain", *HOSTILE]:
            with contextlib.suppress(Exception):
                await call(client, name)
        plain, *hostile = engine.requests
        assert len(hostile) == len(HOSTILE)
        for request in hostile:
            head = request.head.decode("ascii")
            assert head.isprintable() or set(head) <= {"\r", "\n", *map(chr, range(32, 127))}
            assert request.headers.keys() == plain.headers.keys()
            assert request.headers["host"] == "localhost"
            assert request.target.count("/") == plain.target.count("/")
            assert request.target.count("?") == plain.target.count("?")
            assert request.target.count("&") == plain.target.count("&")
            assert not {"#", " ", "\0"} & set(request.target)


async def test_blank_names_in_bodies_and_queries_are_refused_too() -> None:
    async with fake_engine(answering(answer(b'{"Id":"x"}'))) as engine, EngineClient(engine.endpoint) as client:
        calls: list[Call] = [
            lambda c: c.networks.create(schema.NetworkCreate(name=" ")),
            lambda c: c.networks.connect("n", schema.NetworkConnect(container="")),
            lambda c: c.networks.disconnect("n", schema.NetworkDisconnect(container="")),
            lambda c: c.images.tag("i", "", "t"),
        ]
        for call in calls:
            with pytest.raises(InvalidValueError):
                await call(client)
        assert engine.requests == []
