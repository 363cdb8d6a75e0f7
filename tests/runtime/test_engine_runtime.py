"""A runtime's beginning, on engines that play scripts."""

import pytest

from clab_runtime import EngineError, UnsupportedOperationError, open_runtime
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.podman import PodmanRuntime
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, fake_engine

pytestmark = pytest.mark.anyio

PODMAN = answer(b"OK", "Api-Version: 1.41", "Libpod-API-Version: 5.4.2", "Server: Libpod/5.4.2 (linux)")
DOCKER = answer(b"OK", "Api-Version: 1.41", "Server: Docker/20.10.24 (linux)")


async def refusing(peer: Peer, request: Request) -> None:
    await peer.body(request)
    await peer.send(answer(b'{"message":"no"}', status="500 Internal Server Error"))


@pytest.mark.parametrize(
    ("ping", "runtime_class", "words"),
    [
        (PODMAN, DockerRuntime, r"podman 5\.4\.2 does not support the runtime 'docker': use open_runtime\('podman'\)"),
        (DOCKER, PodmanRuntime, r"docker 20\.10\.24 does not support the runtime 'podman'"),
    ],
    ids=["podman", "docker"],
)
async def test_an_engine_of_the_other_kind_is_refused(
    no_leaks: NoLeaks, ping: bytes, runtime_class: type[DockerRuntime | PodmanRuntime], words: str
) -> None:
    async with no_leaks(), fake_engine(refusing, ping=ping) as fake:
        runtime = runtime_class(f"unix://{fake.path}")
        with pytest.raises(UnsupportedOperationError, match=words):
            await runtime.init()


async def test_a_runtime_that_can_not_be_opened_leaves_no_connection_open(
    no_leaks: NoLeaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with fake_engine(refusing, ping=DOCKER) as fake, no_leaks():
        monkeypatch.setenv("DOCKER_HOST", f"unix://{fake.path}")
        runtime = DockerRuntime()
        with pytest.raises(EngineError):
            await runtime.init()  # and no aclose(): nothing has been opened
        with pytest.raises(EngineError):
            async with open_runtime():
                pytest.fail("it is open")
