"""Images on a real Docker, and pulls that fail."""

import pytest

from clab_runtime import (
    ContainerRuntimeError,
    EngineError,
    EngineProtocolError,
    EngineStreamError,
    InvalidValueError,
    MgmtNet,
    NotFoundError,
    PullPolicy,
    with_mgmt_net,
)
from clab_runtime.runtime.docker import DockerRuntime
from tests.conftest import NoLeaks
from tests.contract.lab import IMAGE, Lab
from tests.engine.fake_engine import Peer, Request, Script, answer, chunked, fake_engine

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1/x:1"
"""An image in a registry that nobody listens for."""


@pytest.mark.proves("pull_image")
@pytest.mark.parametrize("policy", [PullPolicy.IF_NOT_PRESENT, PullPolicy.NEVER])
@pytest.mark.parametrize("image", [IMAGE, f"docker.io/library/{IMAGE}:latest"])
async def test_an_image_that_is_there_is_not_pulled(lab: Lab, image: str, policy: PullPolicy) -> None:
    await lab.runtime.pull_image(image, policy)


@pytest.mark.proves("pull_image")
async def test_an_image_that_is_missing_and_never_pulled_is_an_error_that_says_so(lab: Lab) -> None:
    with pytest.raises(NotFoundError, match="pull policy is Never"):
        await lab.runtime.pull_image("nosuch:1", PullPolicy.NEVER)


@pytest.mark.proves("pull_image")
@pytest.mark.parametrize("policy", [PullPolicy.IF_NOT_PRESENT, PullPolicy.ALWAYS])
async def test_a_registry_that_does_not_answer_is_an_error(lab: Lab, policy: PullPolicy) -> None:
    with pytest.raises((EngineError, EngineStreamError), match="refused"):
        await lab.runtime.pull_image(NOWHERE, policy)


async def test_a_reference_that_is_none_is_refused_before_any_request(lab: Lab) -> None:
    with pytest.raises(InvalidValueError):
        await lab.runtime.pull_image("Upper:1")


@pytest.mark.proves("inspect_image")
async def test_an_image_is_described(lab: Lab) -> None:
    image = await lab.runtime.inspect_image(IMAGE)
    assert image.id.startswith("sha256:")
    assert image.root_fs.type == "layers"
    assert len(image.root_fs.layers) == 1
    assert image.graph_driver.name


@pytest.mark.proves("inspect_image")
async def test_an_image_that_is_missing_can_not_be_described(lab: Lab) -> None:
    with pytest.raises(NotFoundError):
        await lab.runtime.inspect_image("nosuch:1")


# ---------------------------------------------------------------- pulls, played by a script


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


async def pull(script: Script, image: str = "alpine:3") -> list[Request]:
    """Pull an image from an engine that plays the script, and return what it was asked."""
    error: ContainerRuntimeError | None = None
    async with fake_engine(script) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
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
