"""Removals that are in somebody else's hands, and an engine that does not answer, as an engine plays them."""

import pytest

from clab_runtime import (
    ConflictError,
    ContainerRuntimeError,
    MgmtNet,
    RuntimeConfig,
    WaitTimeoutError,
    with_config,
    with_mgmt_net,
)
from clab_runtime.runtime.docker import DockerRuntime
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, Script, answer, answering, fake_engine

pytestmark = pytest.mark.anyio


async def test_an_engine_that_does_not_answer_in_time_is_a_time_out(no_leaks: NoLeaks) -> None:
    async def hang(peer: Peer, _: Request) -> None:
        await peer.hung_up()

    async with no_leaks(), fake_engine(hang) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
        mgmt = MgmtNet(network="x", bridge="y", mtu=1500)
        await runtime.init(with_config(RuntimeConfig(timeout=0.5)), with_mgmt_net(mgmt))
        with pytest.raises(TimeoutError, match="GET /containers/r1/json"):
            await runtime.get_container_status("r1")
        await runtime.aclose()


def refusing(message: bytes) -> bytes:
    return answer(b'{"message":"' + message + b'"}', status="409 Conflict")


IN_PROGRESS = refusing(b"removal of container r1 is already in progress")


REMOVED = answer(status="204 No Content")


GONE = answer(b'{"message":"No such container: r1"}', status="404 Not Found")


async def delete_from(script: Script, timeout: float = 30) -> tuple[list[str], ContainerRuntimeError | None]:  # noqa: ASYNC109
    """Delete a container of an engine that plays the script."""
    error: ContainerRuntimeError | None = None
    async with fake_engine(script) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
        config, mgmt = RuntimeConfig(timeout=timeout), MgmtNet(network="x", bridge="y", mtu=1500)
        await runtime.init(with_config(config), with_mgmt_net(mgmt))
        try:
            await runtime.delete_container("r1")
        except ContainerRuntimeError as exc:
            error = exc
        await runtime.aclose()
    return [f"{request.method} {request.target}" for request in fake.requests], error


@pytest.mark.parametrize("then", [REMOVED, GONE], ids=["removed", "gone"])
async def test_a_removal_that_somebody_else_has_begun_is_waited_for(then: bytes) -> None:
    requests, error = await delete_from(answering(IN_PROGRESS, IN_PROGRESS, then))
    assert error is None
    assert requests == ["DELETE /v1.41/containers/r1?force=1&v=1"] * 3


async def test_a_removal_without_end_is_not_waited_for_without_end() -> None:
    async def refuse(peer: Peer, _: Request) -> None:
        await peer.send(IN_PROGRESS)

    _, error = await delete_from(refuse, timeout=0.5)
    assert isinstance(error, WaitTimeoutError)
    assert str(error) == "container 'r1' is still being removed after 0.5 s"


async def test_another_conflict_is_raised() -> None:
    requests, error = await delete_from(answering(refusing(b"you can not")))
    assert isinstance(error, ConflictError)
    assert len(requests) == 1
