"""The management network, on an engine that plays scripts."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import pytest

from clab_runtime import ContainerRuntimeError, EngineInternalError, MgmtNet
from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.host.side import HostSide
from clab_runtime.runtime import mgmt
from clab_runtime.runtime.docker_networks import DockerNetworks
from tests.engine.fake_engine import FakeEngine, Peer, Request, Script, answer, fake_engine

pytestmark = pytest.mark.anyio

NETWORKS = DockerNetworks()
NONE = answer(b"[]")
GONE = answer(b'{"message":"no such network"}', status="404 Not Found")
IN_USE = answer(b'{"message":"has active endpoints"}', status="403 Forbidden")
BROKEN = answer(b'{"message":"broken"}', status="500 Internal Server Error")


def network(name: str = "lab", words: str = '"Labels":{"containerlab":""}') -> bytes:
    return answer(f'{{"Id":"{"a" * 64}","Name":"{name}","Driver":"bridge",{words}}}'.encode())


def playing(parts: Mapping[str, list[bytes]]) -> Script:
    """Answer each method with its answers in turn, and the last one for ever; LIST is the GET of all networks."""

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        lists = request.target.partition("?")[0].endswith("/networks")
        left = parts.get("LIST", [NONE]) if lists else parts[request.method]
        await peer.send(left.pop(0) if len(left) > 1 else left[0])

    return script


async def create(client: EngineClient) -> schema.Network:
    return await mgmt.create_or_find(
        client, NETWORKS, HostSide(), MgmtNet(network="lab", mtu=1500), await client.info()
    )


@asynccontextmanager
async def playing_engine(parts: Mapping[str, list[bytes]]) -> AsyncGenerator[tuple[EngineClient, FakeEngine]]:
    async with fake_engine(playing(parts)) as fake, EngineClient(fake.endpoint) as client:
        yield client, fake


@pytest.mark.parametrize(
    ("name", "words", "expected"),
    [
        ("clab", '"Options":{"com.docker.network.driver.mtu":"9000"}', 9000),
        ("clab", '"Options":{}', 1500),
        ("clab", '"Options":{"com.docker.network.driver.mtu":"0"}', 1500),
        ("other", '"Options":{"com.docker.network.driver.mtu":"9000"}', 1500),
    ],
)
async def test_only_the_network_called_clab_has_the_default_bridges_mtu(name: str, words: str, expected: int) -> None:
    async with playing_engine({"GET": [network("bridge", words)]}) as (client, _):
        assert await mgmt.detect_mtu(client, NETWORKS, name) == expected


async def test_an_engine_without_a_default_bridge_has_the_usual_mtu() -> None:
    async with playing_engine({"GET": [GONE]}) as (client, _):
        assert await mgmt.detect_mtu(client, NETWORKS, "clab") == 1500


async def test_a_network_that_is_found_by_the_beginning_of_its_id_is_another() -> None:
    async with playing_engine({"GET": [network("other")]}) as (client, _):
        assert await NETWORKS.find(client, "aaa") is None


async def test_deleting_rides_out_the_moment_in_which_a_container_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mgmt, "RETRIES", (0.001,) * 3)
    full = network(words='"Labels":{"containerlab":""},"Containers":{"x":{"Name":"r1"}}')
    parts = {"GET": [full, network()], "DELETE": [IN_USE, answer(status="204 No Content")]}
    async with playing_engine(parts) as (client, fake):
        assert await mgmt.delete(client, NETWORKS, "lab")
    assert [request.method for request in fake.requests] == ["GET", "GET", "DELETE", "GET", "DELETE"]


@pytest.mark.parametrize("removal", [IN_USE, answer(b"{}", status="409 Conflict")], ids=["403", "409"])
async def test_a_network_that_stays_in_use_is_left_after_so_many_tries(
    monkeypatch: pytest.MonkeyPatch, removal: bytes
) -> None:
    monkeypatch.setattr(mgmt, "RETRIES", (0.001,) * 3)
    async with playing_engine({"GET": [network()], "DELETE": [removal]}) as (client, fake):
        assert not await mgmt.delete(client, NETWORKS, "lab")
    assert [request.method for request in fake.requests].count("DELETE") == 4


async def test_a_network_that_somebody_else_has_deleted_is_gone_all_the_same() -> None:
    async with playing_engine({"GET": [network()], "DELETE": [GONE]}) as (client, _):
        await mgmt.delete(client, NETWORKS, "lab")


async def test_a_failure_of_the_engine_is_raised() -> None:
    async with playing_engine({"GET": [network()], "DELETE": [BROKEN]}) as (client, _):
        with pytest.raises(EngineInternalError):
            await mgmt.delete(client, NETWORKS, "lab")


async def test_a_failed_creation_is_raised_with_the_engines_words() -> None:
    async with playing_engine({"GET": [GONE], "POST": [BROKEN]}) as (client, _):
        with pytest.raises(EngineInternalError, match="broken"):
            await create(client)


async def test_a_network_that_is_gone_as_soon_as_it_was_made_is_an_error() -> None:
    created = answer(b'{"Id":"x"}', status="201 Created")
    parts = {"GET": [GONE], "POST": [created]}
    async with playing_engine(parts) as (client, _):
        with pytest.raises(ContainerRuntimeError):
            await create(client)


async def test_of_two_networks_of_one_name_the_older_one_counts_and_ones_own_is_withdrawn() -> None:
    mine, theirs = "b" * 64, "a" * 64
    both = answer(
        f'[{{"Id":"{mine}","Name":"lab","Created":"2026-01-02T00:00:00Z"}},'
        f'{{"Id":"{theirs}","Name":"lab","Created":"2026-01-01T00:00:00Z"}},'
        f'{{"Id":"{"c" * 64}","Name":"lab-2","Created":"2025-01-01T00:00:00Z"}}]'.encode()
    )
    ambiguous = answer(b'{"message":"2 matches found"}', status="400 Bad Request")
    parts = {
        "GET": [GONE, ambiguous, network()],
        "LIST": [both],
        "POST": [answer(f'{{"Id":"{mine}"}}'.encode(), status="201 Created")],
        "DELETE": [answer(status="204 No Content")],
    }
    async with playing_engine(parts) as (client, fake):
        assert (await create(client)).id == theirs
    assert [request.target for request in fake.requests if request.method == "DELETE"] == [f"/v1.41/networks/{mine}"]


async def test_a_network_that_stays_is_said_with_its_users(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mgmt, "RETRIES", (0.001,))
    full = network(words='"Labels":{"containerlab":""},"Containers":{"x":{"Name":"r2"},"y":{"Name":"r1"}}')
    async with playing_engine({"GET": [full]}) as (client, _):
        await mgmt.delete(client, NETWORKS, "lab")
    assert "r1, r2" in caplog.text
