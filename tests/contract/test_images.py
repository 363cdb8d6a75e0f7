"""Images on real engines, and pulls that fail."""

import anyio
import pytest

from clab_runtime import EngineInternalError, InvalidValueError, NotFoundError, PullPolicy
from tests.contract.differences import Differs
from tests.contract.lab import IMAGE, Lab

pytestmark = pytest.mark.anyio

NOWHERE = "127.0.0.1:1"
"""A registry that nobody listens for."""


@pytest.mark.proves("pull_image")
async def test_an_image_that_is_there_is_not_pulled(lab: Lab, differs: Differs) -> None:
    difference = differs("image as read back")
    whole = str(difference.value) if difference else f"docker.io/library/{IMAGE}:latest"
    for policy in (PullPolicy.IF_NOT_PRESENT, PullPolicy.NEVER):
        for image in (IMAGE, f"{IMAGE}:latest", whole):
            await lab.runtime.pull_image(image, policy)


@pytest.mark.proves("pull_image")
async def test_an_image_that_is_missing_and_never_pulled_is_an_error_that_says_so(lab: Lab) -> None:
    with pytest.raises(NotFoundError, match="pull policy is Never"):
        await lab.runtime.pull_image("nosuch:1", PullPolicy.NEVER)


@pytest.mark.proves("pull_image")
async def test_a_registry_that_does_not_answer_is_an_error(lab: Lab) -> None:
    async def pull(image: str, policy: PullPolicy) -> None:
        with pytest.raises(EngineInternalError, match=f"pulling {NOWHERE}/{image}:.*refused"):
            await lab.runtime.pull_image(f"{NOWHERE}/{image}", policy)

    async with anyio.create_task_group() as tasks:  # together, for Podman tries each three times
        tasks.start_soon(pull, "x:1", PullPolicy.IF_NOT_PRESENT)
        tasks.start_soon(pull, "y:1", PullPolicy.ALWAYS)


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
