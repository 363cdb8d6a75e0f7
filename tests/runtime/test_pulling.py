"""Pulls of engines that play a script: what is asked for, and how a pull fails."""

from collections.abc import Callable

import pytest

from clab_runtime import (
    ContainerRuntimeError,
    EngineInternalError,
    EngineProtocolError,
    EngineStreamError,
    MgmtNet,
    NotFoundError,
    UnauthorizedError,
    with_mgmt_net,
)
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.podman import PodmanRuntime
from tests.conftest import NoLeaks
from tests.engine.fake_engine import PING, Peer, Request, Script, answer, chunked, fake_engine

pytestmark = pytest.mark.anyio

PODMAN_PING = answer(b"OK", "Api-Version: 1.41", "Server: Libpod/4.3.1 (linux)", "Libpod-Api-Version: 4.3.1")
MAKERS: dict[str, tuple[Callable[[str], DockerRuntime | PodmanRuntime], bytes]] = {
    "docker": (DockerRuntime, PING),
    "podman": (PodmanRuntime, PODMAN_PING),
}


def pulling(*lines: bytes, end: bool = True) -> Script:
    """Lack every image, and answer a pull with these pieces."""

    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.method == "GET":
            await peer.send(answer(b'{"message":"No such image"}', status="404 Not Found"))
            return
        await peer.send(chunked(*lines, end=end))
        if not end:
            await peer.hang_up()

    return script


async def pull(script: Script, image: str = "alpine:3", kind: str = "docker") -> list[Request]:
    """Pull an image from an engine that plays the script, and return what it was asked."""
    error: ContainerRuntimeError | None = None
    make, ping = MAKERS[kind]
    async with fake_engine(script, ping=ping) as fake:
        runtime = make(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(MgmtNet(network="x", bridge="y", mtu=1500)))
        try:
            await runtime.pull_image(image)
        except ContainerRuntimeError as exc:
            error = exc  # raised in here, it would come out in a group
        await runtime.aclose()
    if error:
        raise error
    return fake.requests


async def test_a_missing_image_is_pulled_by_its_whole_name(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        requests = await pull(pulling(b'{"status":"Pulling"}\r\n{"status":"Pull', b' complete"}\r\n'))
    assert [request.method for request in requests] == ["GET", "POST"]
    assert requests[1].target == "/v1.41/images/create?fromImage=docker.io%2Flibrary%2Falpine&tag=3"


async def test_a_digest_is_pulled_as_such() -> None:
    digest = f"sha256:{'0' * 64}"
    requests = await pull(pulling(b"{}"), f"alpine@{digest}")
    assert requests[1].target.endswith(f"tag={digest.replace(':', '%3A')}")


async def test_an_error_on_the_way_is_raised_with_the_engines_words(no_leaks: NoLeaks) -> None:
    lines = b'{"status":"Pulling"}\n{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\n'
    async with no_leaks():
        with pytest.raises(EngineStreamError, match="manifest unknown"):
            await pull(pulling(lines))


async def test_a_pull_that_breaks_off_is_an_error(no_leaks: NoLeaks) -> None:
    async with no_leaks():
        with pytest.raises(EngineProtocolError):
            await pull(pulling(b'{"status":"Pulling"}\n', end=False))


@pytest.mark.parametrize(
    ("words", "kind", "status"),
    [
        ("reading manifest 3 in x: manifest unknown", NotFoundError, 404),
        ("reading manifest 3 in x: unauthorized: authentication required", UnauthorizedError, 401),
        ("pinging container registry x: connection refused", EngineInternalError, 500),
    ],
)
async def test_a_registry_s_refusal_that_podman_4_tells_of_in_a_stream_is_the_answer_to_the_request(
    words: str, kind: type[ContainerRuntimeError], status: int
) -> None:
    line = f'{{"errorDetail":{{"message":"{words}"}},"error":"{words}"}}\n'.encode()
    with pytest.raises(kind, match=words) as caught:
        await pull(pulling(line), kind="podman")
    assert getattr(caught.value, "status", None) == status
    begun = b'{"status":"Pulling fs layer","id":"a"}\n'
    with pytest.raises(EngineStreamError, match=words):
        await pull(pulling(begun, line), kind="podman")


async def test_what_an_image_that_podman_has_is_called_is_podman_s_matter_if_it_names_no_registry() -> None:
    for image, asked in (("alpine:3", "alpine%3A3"), ("docker.io/alpine:3", "docker.io%2Flibrary%2Falpine%3A3")):
        first, *_ = await pull(pulling(b"{}"), image, "podman")
        assert first.target.endswith(f"/images/{asked}/json")
