"""Listing containers, on an engine that plays scripts."""

import json
from typing import cast
from urllib.parse import parse_qs, urlsplit

import anyio
import pytest

from clab_runtime import EngineInternalError, GenericFilter
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.docker import DockerDialect
from clab_runtime.runtime.listing import Selection, list_all, look
from clab_runtime.runtime.podman import PodmanDialect
from tests.engine.fake_engine import Peer, Request, answer, answering, fake_engine

pytestmark = pytest.mark.anyio

LISTER = DockerDialect()


def summaries(*states: str) -> bytes:
    items = [
        {"Id": f"{index:064}", "Names": [f"/r{index}"], "State": state, "Labels": {"a": str(index)}}
        for index, state in enumerate(states)
    ]
    return answer(json.dumps(items).encode())


async def test_one_that_vanishes_before_it_is_looked_at_is_left_out() -> None:
    async def script(peer: Peer, request: Request) -> None:
        if "json?" in request.target:
            await peer.send(summaries("running", "running", "exited"))
        elif f"{1:064}" in request.target:
            await peer.send(answer(b'{"message":"gone"}', status="404 Not Found"))
        else:
            await peer.send(answer(b'{"Id":"x","State":{"Status":"running","Pid":7}}'))

    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        found = await list_all(client, LISTER, [], "lab")
    assert [(container.names, container.pid) for container in found] == [(("r0",), 7), (("r2",), 0)]
    assert len(fake.requests) == 3, "one that does not run is not looked at"


async def test_one_that_has_ended_since_the_list_was_made_is_told_as_it_is() -> None:
    inspect = answer(b'{"Id":"x","State":{"Status":"exited","Pid":0,"ExitCode":7},"NetworkSettings":{"Networks":null}}')
    async with fake_engine(answering(summaries("running"), inspect)) as fake, EngineClient(fake.endpoint) as client:
        (found,) = await list_all(client, LISTER, [], "lab")
    assert (found.state, found.status, found.pid) == ("exited", "Exited (7)", 0)


async def test_an_engine_that_fails_on_the_way_fails_the_list() -> None:
    broken = answer(b'{"message":"broken"}', status="500 Internal Server Error")
    script = answering(summaries(*["running"] * 30), broken)
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        with pytest.raises(EngineInternalError, match="broken"):
            await list_all(client, LISTER, [], "lab")
        assert ": 0 busy" in repr(client)


async def test_the_engine_is_asked_for_what_it_can_choose_itself() -> None:
    filters = [
        GenericFilter("label", "a", "=", "1"),
        GenericFilter("label", "b", "!=", "2"),
        GenericFilter("label", "c", "exists"),
        GenericFilter("name", match="r.1"),
    ]
    async with fake_engine(answering(answer(b"[]"))) as fake, EngineClient(fake.endpoint) as client:
        assert list(await list_all(client, LISTER, filters, "lab")) == []
    query = parse_qs(urlsplit(fake.requests[0].target).query)
    assert json.loads(query["filters"][0]) == {"label": ["a=1", "c"], "name": [r"^r\.1$"]}
    assert query["all"][0].lower() in {"1", "true"}


async def test_an_engine_that_chooses_too_much_is_not_trusted() -> None:
    async with fake_engine(answering(summaries("exited", "exited"))) as fake, EngineClient(fake.endpoint) as client:
        assert len(await list_all(client, LISTER, [GenericFilter("label", "a", "=", "1")], "lab")) == 1
        assert len(await list_all(client, LISTER, [GenericFilter("label", "a", "!=", "1")], "lab")) == 1
        assert len(await list_all(client, LISTER, [GenericFilter("name", match="r0")], "lab")) == 1
        assert not await list_all(client, LISTER, [GenericFilter("label", "b", "exists")], "lab")


async def test_looking_is_bounded_and_cancelled_as_one() -> None:
    async def hang(peer: Peer, request: Request) -> None:
        if "json?" in request.target:
            await peer.send(summaries(*["running"] * 100))
        else:
            await peer.hung_up()

    async with fake_engine(hang) as fake, EngineClient(fake.endpoint) as client:
        with anyio.move_on_after(0.3):
            await list_all(client, LISTER, [], "lab")
        assert len(fake.requests) <= 21
        assert ": 0 busy" in repr(client)


async def test_containers_are_asked_for_by_their_ids_and_taken_by_them_alone() -> None:
    ids = {f"{0:064}", f"{7:064}"}
    async with fake_engine(answering(summaries("exited", "exited"))) as fake, EngineClient(fake.endpoint) as client:
        found = await look(client, LISTER, Selection([GenericFilter("label", "a", "exists")], ids), "lab")
    assert [(seen.container.id, seen.stale) for seen in found] == [(f"{0:064}", False)]
    query = parse_qs(urlsplit(fake.requests[0].target).query)
    assert json.loads(query["filters"][0]) == {"label": ["a"], "id": sorted(ids)}


async def test_what_a_list_was_behind_with_is_said_to_be_stale() -> None:
    inspect = answer(b'{"Id":"x","State":{"Status":"paused","Pid":7}}')
    async with fake_engine(answering(summaries("running"), inspect)) as fake, EngineClient(fake.endpoint) as client:
        (seen,) = await look(client, LISTER, Selection([]), "lab")
    assert (seen.container.state, seen.container.pid, seen.stale) == ("paused", 7, True)


async def test_filters_may_come_from_anything_that_can_be_iterated_over() -> None:
    filters = cast("list[GenericFilter]", iter([GenericFilter("label", "a", "=", "1")]))
    async with fake_engine(answering(summaries("exited", "exited"))) as fake, EngineClient(fake.endpoint) as client:
        assert len(await list_all(client, LISTER, filters, "lab")) == 1


# ---------------------------------------------------------------- Podman's two lists

PODMAN_PING = answer(b"OK", "Api-Version: 1.41", "Server: Libpod/5.4.2 (linux)", "Libpod-Api-Version: 5.4.2")


def libpod(**states: str) -> bytes:
    items = [
        {"Id": f"{int(index[1:]):064}", "State": state, "Pid": 7 if state == "running" else 0, "ExitCode": 3}
        for index, state in states.items()
    ]
    return answer(json.dumps(items).encode())


async def test_podman_s_lists_are_put_together_as_the_later_one_has_it() -> None:
    first = summaries("running", "running", "stopped", "running", "created")
    second = libpod(r0="running", r1="exited", r2="stopped", r4="configured")
    async with (
        fake_engine(answering(first, second), ping=PODMAN_PING) as fake,
        EngineClient(fake.endpoint) as client,
    ):
        found = await list_all(client, PodmanDialect(), [], "lab")
    assert [(container.names[0], container.state, container.pid) for container in found] == [
        ("r0", "running", 7),
        ("r1", "exited", 0),
        ("r2", "exited", 0),
        ("r4", "created", 0),
    ]
    assert found[1].status == "Exited (3)"
    assert len(fake.requests) == 2, "however many there are"


async def test_podman_is_not_asked_twice_for_nothing() -> None:
    async with (
        fake_engine(answering(answer(b"[]")), ping=PODMAN_PING) as fake,
        EngineClient(fake.endpoint) as client,
    ):
        assert not await list_all(client, PodmanDialect(), [GenericFilter("name", match="r1")], "lab")
    assert len(fake.requests) == 1
