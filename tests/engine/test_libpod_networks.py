"""Podman's own endpoints of networks, and what their errors mean."""

import pytest

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ConflictError, EngineInternalError
from tests.engine.fake_engine import answer, answering, fake_engine

pytestmark = pytest.mark.anyio

PING = answer(b"OK", "Api-Version: 1.41", "Libpod-API-Version: 5.4.2", "Server: Libpod/5.4.2 (linux)")


async def test_a_removal_that_is_refused_under_a_good_status_is_an_error() -> None:
    refused = answer(b'[{"Name":"podman","Err":"default network podman cannot be removed"}]')
    async with fake_engine(answering(refused), ping=PING) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(EngineInternalError, match="default network podman cannot be removed"):
            await client.libpod.networks.remove("podman")
    assert [(request.method, request.target) for request in engine.requests] == [
        ("DELETE", "/v5.4.0/libpod/networks/podman")
    ]


async def test_a_removal_is_silent() -> None:
    gone = answer(b'[{"Name":"lab","Err":null}]')
    async with fake_engine(answering(gone), ping=PING) as engine, EngineClient(engine.endpoint) as client:
        await client.libpod.networks.remove("lab")


@pytest.mark.parametrize(
    "cause",
    [
        "subnet 10.0.0.0/24 is already used on the host or by another config",
        "bridge name br0 already in use",
        "network already exists",
        "network is being used",
    ],
)
async def test_what_somebody_else_has_is_a_conflict(cause: str) -> None:
    said = answer(f'{{"cause":"{cause}","message":"{cause}"}}'.encode(), status="500 Internal Server Error")
    async with fake_engine(answering(said), ping=PING) as engine, EngineClient(engine.endpoint) as client:
        with pytest.raises(ConflictError, match=cause) as caught:
            await client.libpod.networks.create(schema.LibpodNetworkCreate(name="lab"))
    assert caught.value.status == 500
