"""Pulls from a real registry onto real engines: policies, progress, credentials, and what goes wrong."""

import base64
import json
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import pytest

from clab_runtime import (
    CredentialsError,
    EngineInternalError,
    EngineStreamError,
    NodeConfig,
    NotFoundError,
    PullPolicy,
    PullProgress,
    UnauthorizedError,
)
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import Lab, cancelled, open_lab, within
from tests.engines import Engine
from tests.engines.registry import PASSWORD, USER, Registry, make_image
from tests.runtime.scripted_registry import scripted_registry

pytestmark = pytest.mark.anyio

LAYERS = make_image(3_000_000, 2_000_000, 1_000_000, label="layers")
OTHER = make_image(1000, label="other")
AUTH = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
MANIFEST = r"/v2/lab/x/manifests/\S+"


@pytest.fixture
def registry(engine: Engine) -> Generator[Registry]:
    """A registry that serves everybody."""
    registry = Registry(engine)
    yield registry
    registry.stop()


@pytest.fixture
def locked(engine: Engine) -> Generator[Registry]:
    """A registry that serves one user."""
    registry = Registry(engine, with_password=True)
    yield registry
    registry.stop()


@asynccontextmanager
async def removed(lab: Lab, image: str) -> AsyncGenerator[None]:
    """Remove an image in the end, which has to be there."""
    yield
    await lab.client.images.remove(image)


async def present(lab: Lab, image: str) -> bool:
    try:
        await lab.client.images.inspect(image)
    except NotFoundError:
        return False
    return True


def log_in(folder: Path, document: Mapping[str, object]) -> None:
    (folder / "config.json").write_text(json.dumps(document))


# ---------------------------------------------------------------- policies and progress


@pytest.mark.proves("pull_image", "stream_pull", "inspect_image", "image")
async def test_an_image_is_pulled_as_its_policy_says_inspected_and_run(
    lab: Lab, registry: Registry, differs: Differs
) -> None:
    image = registry.put("lab/x", "1", LAYERS)
    with pytest.raises(NotFoundError, match="pull policy is Never"):
        await lab.runtime.pull_image(image, PullPolicy("NEVER"))
    assert registry.answered(MANIFEST) == 0
    async with removed(lab, image):
        async with lab.runtime.stream_pull(image, PullPolicy("ifnotpresent")) as pull:
            steps = [progress async for progress in pull]
        _check_steps(steps, image, differs)
        await _check_inspection(lab, image, differs)

        asked = registry.answered(MANIFEST)
        assert asked
        for policy in (PullPolicy.IF_NOT_PRESENT, PullPolicy.NEVER):
            async with lab.runtime.stream_pull(image, policy) as pull:
                (only,) = [progress async for progress in pull]
            assert (only.image, only.fraction) == (image, 1.0)
        assert registry.answered(MANIFEST) == asked

        await lab.runtime.pull_image(image, PullPolicy("always"))
        assert registry.answered(MANIFEST) > asked

        before = (await lab.runtime.inspect_image(image)).id
        registry.put("lab/x", "1", OTHER)
        await lab.runtime.pull_image(image)
        assert (await lab.runtime.inspect_image(image)).id == before
        await lab.runtime.pull_image(image, PullPolicy.ALWAYS)
        assert (await lab.runtime.inspect_image(image)).root_fs.layers == OTHER.diff_ids
        await lab.client.images.remove(before)

        node = NodeConfig(short_name="r1", long_name=f"clab-{lab.name}-r1", image=image, cmd="x", network_mode="none")
        container = await lab.runtime.create_container(node)
        assert (await lab.client.containers.inspect(container)).image == (await lab.runtime.inspect_image(image)).id
        await lab.runtime.delete_container(container)


def _check_steps(steps: list[PullProgress], image: str, differs: Differs) -> None:
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert 1.0 not in fractions[:-1]
    assert {step.image for step in steps} == {image}
    last = steps[-1]
    assert (last.layers_done, last.layers_total) == (3, 3)
    between = {fraction for fraction in fractions if 0 < fraction < 1}
    if difference := differs("pull progress"):
        assert last.status == difference.value
        assert between
        return
    assert last.status == f"Status: Downloaded newer image for {image}"
    assert len(between) >= 3
    sizes = sum(len(LAYERS.blobs[layer]) for layer in LAYERS.layers)
    assert (last.bytes_current, last.bytes_total) == (sizes, sizes)


async def _check_inspection(lab: Lab, image: str, differs: Differs) -> None:
    """Compare with what the engine itself says, and with what the image is made of."""
    found = await lab.runtime.inspect_image(image)
    raw = await lab.client.images.inspect(image)
    assert found.id == raw.id
    assert found.id in LAYERS.blobs
    assert found.config.labels == {"made-for": "layers"}
    assert found.root_fs.type == "layers"
    assert found.root_fs.layers == LAYERS.diff_ids
    storage = differs("image storage")
    assert found.graph_driver.name == (storage.value if storage else "overlay2")
    places = found.graph_driver.data
    assert raw.graph_driver
    assert raw.graph_driver.data
    assert [places.upper_dir, places.work_dir, places.merged_dir] == [
        raw.graph_driver.data.get(name, "") for name in ("UpperDir", "WorkDir", "MergedDir")
    ]
    assert bool(places.merged_dir) == (storage is None)
    assert places.upper_dir.startswith(str(lab.engine.directory))


async def test_pulls_at_once_make_one_request(engine: Engine, no_leaks: NoLeaks) -> None:
    last: list[PullProgress] = []
    async with no_leaks(), open_lab(engine) as lab, scripted_registry(engine, LAYERS) as registry:

        async def pull(policy: PullPolicy) -> None:
            async with lab.runtime.stream_pull(registry.name, policy) as pull:
                last.append([progress async for progress in pull][-1])

        async with removed(lab, registry.name), anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(pull, PullPolicy.ALWAYS)
                tasks.start_soon(pull, PullPolicy.IF_NOT_PRESENT)
            await within(registry.held.wait)
            registry.go_on.set()
    assert [progress.fraction for progress in last] == [1.0] * 6
    assert registry.manifests == 1


# ---------------------------------------------------------------- cancelled, and broken off


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_pull_that_is_cancelled_in_the_middle_leaves_nothing_and_can_be_made_again(
    engine: Engine, no_leaks: NoLeaks, *, natively: bool
) -> None:
    async with no_leaks(), open_lab(engine) as lab, scripted_registry(engine, LAYERS) as registry:
        assert await cancelled(lambda: lab.runtime.pull_image(registry.name), registry.held.wait, natively=natively)
        assert "0 busy" in repr(lab.runtime)
        assert "0 dedicated" in repr(lab.runtime)
        assert not await present(lab, registry.name)
        registry.go_on.set()
        async with removed(lab, registry.name):
            await within(lambda: lab.runtime.pull_image(registry.name))


async def test_a_registry_that_goes_down_in_the_middle_is_tried_again_and_told_of(
    engine: Engine, no_leaks: NoLeaks, differs: Differs
) -> None:
    silently = differs("pull retried") is not None
    broken_off = (EngineStreamError,) if silently else ()
    async with no_leaks(), open_lab(engine) as lab:
        async with scripted_registry(engine, LAYERS) as registry:
            pull = lab.runtime.stream_pull(registry.name)
            fractions = [(await within(pull.__anext__)).fraction]
            await within(registry.held.wait)
        with anyio.move_on_after(1) if silently else anyio.fail_after(20), suppress(*broken_off):
            async for progress in pull:  # the engine goes on so for more than a minute, and then fails
                fractions.append(progress.fraction)
                if progress.status.startswith("Retrying"):
                    break
        await pull.aclose()
        assert fractions == sorted(fractions)
        assert fractions[-1] < 1
        with pytest.raises(EngineInternalError, match=rf"pulling {registry.name}: .*refused"):
            await lab.runtime.pull_image(registry.name)


async def test_a_layer_that_is_not_what_it_should_be_is_an_error_inside_the_stream(
    lab: Lab, registry: Registry
) -> None:
    image = registry.put("lab/x", "1", LAYERS)
    registry.damage(LAYERS.layers[2])
    with pytest.raises(EngineStreamError, match=f"pulling {image}: .*{LAYERS.layers[2]}"):
        await lab.runtime.pull_image(image)
    assert not await present(lab, image)


@pytest.mark.parametrize("wanted", ["lab/x:2", "nosuch/x:1"])
async def test_a_tag_or_a_repository_that_is_missing_is_not_found(lab: Lab, registry: Registry, wanted: str) -> None:
    registry.put("lab/x", "1", OTHER)
    with pytest.raises(NotFoundError, match=f"pulling {registry.address}/{wanted}: .*manifest unknown"):
        await lab.runtime.pull_image(f"{registry.address}/{wanted}")


# ---------------------------------------------------------------- credentials


async def test_a_registry_that_knows_its_users_gets_the_credentials_of_the_docker_cli(
    lab: Lab, locked: Registry, docker_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = locked.put("lab/x", "1", OTHER)
    login = f"{lab.runtime.name} login {locked.address}"
    with pytest.raises(UnauthorizedError, match=f"no credentials were found: use `{login}`"):
        await lab.runtime.pull_image(image)

    log_in(docker_config, {"auths": {locked.address: {"username": USER, "password": "wrong"}}})
    with pytest.raises(UnauthorizedError, match="not the right ones"):
        await lab.runtime.pull_image(image)

    log_in(docker_config, {"auths": {f"http://{locked.address}/v2/": {"auth": AUTH}}})
    async with removed(lab, image):
        await lab.runtime.pull_image(image)
    with pytest.raises(NotFoundError):
        await lab.runtime.pull_image(f"{locked.address}/lab/x:2")

    program = docker_config / "docker-credential-test"
    program.write_text(f'#!/bin/sh\necho \'{{"Username":"{USER}","Secret":"{PASSWORD}"}}\'\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{docker_config}:/usr/bin:/bin")
    for document in ({"credsStore": "test"}, {"credHelpers": {locked.address: "test"}, "credsStore": "none-such"}):
        log_in(docker_config, document)
        async with removed(lab, image):
            await lab.runtime.pull_image(image)

    log_in(docker_config, {"credsStore": "none-such"})
    with pytest.raises(CredentialsError, match="docker-credential-none-such"):
        await lab.runtime.pull_image(image)
