"""The runtimes by name: those of ours, registered ones, and other packages' entry points."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import anyio
import pytest

from clab_runtime import (
    CONTAINER_RUNTIMES,
    ContainerRuntime,
    EngineConnectionError,
    InvalidValueError,
    MgmtNet,
    RuntimeConfig,
    RuntimeOption,
    new_runtime,
    open_runtime,
    register,
)
from clab_runtime.runtime import registry
from clab_runtime.runtime.docker import DockerRuntime

pytestmark = pytest.mark.anyio


class Recorder:
    """Stands for a runtime, and notes what is done with it."""

    def __init__(self, failure: Exception | None = None, closing: float = 0) -> None:
        self.done: list[object] = []
        self.failure = failure
        self.closing = closing

    def with_config(self, config: RuntimeConfig) -> None:
        self.done.append(config)

    def with_mgmt_net(self, mgmt: MgmtNet) -> None:
        self.done.append(mgmt)

    def with_keep_mgmt_net(self) -> None:
        self.done.append("keep")

    async def init(self, *options: RuntimeOption) -> None:
        for option in options:
            option(cast("ContainerRuntime", self))
        if self.failure:
            raise self.failure
        self.done.append("init")

    async def aclose(self) -> None:
        await anyio.sleep(self.closing)
        self.done.append("closed")


def recorded(recorder: Recorder) -> str:
    """Register a recorder and return the name."""
    register("recorder", lambda: cast("ContainerRuntime", recorder))
    return "recorder"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    before = dict(CONTAINER_RUNTIMES)
    yield
    CONTAINER_RUNTIMES.clear()
    CONTAINER_RUNTIMES.update(before)


async def test_a_name_that_nobody_registered_is_an_error_that_lists_the_names() -> None:
    recorded(Recorder())
    with pytest.raises(InvalidValueError, match=r"'nosuch'.*docker, podman, recorder"):
        async with open_runtime("nosuch"):
            pass


async def test_docker_is_there_and_not_initialised() -> None:
    runtime = new_runtime("docker")
    assert isinstance(runtime, DockerRuntime)
    assert "not initialised" in repr(runtime)


@pytest.mark.parametrize("name", ["", " "])
async def test_a_name_that_is_blank_is_refused(name: str) -> None:
    with pytest.raises(InvalidValueError, match="name"):
        register(name, DockerRuntime)


async def test_opening_initialises_with_the_options_and_leaving_closes() -> None:
    recorder = Recorder()
    config, mgmt = RuntimeConfig(timeout=3), MgmtNet(network="x")
    async with open_runtime(recorded(recorder), config=config, mgmt=mgmt, keep_mgmt_net=True):
        assert recorder.done == [config, mgmt, "keep", "init"]
    assert recorder.done[-1] == "closed"


async def test_without_options_the_defaults_are_set() -> None:
    recorder = Recorder()
    async with open_runtime(recorded(recorder)):
        assert recorder.done == [RuntimeConfig(), MgmtNet(), "init"]


async def test_a_runtime_that_fails_to_initialise_is_closed() -> None:
    recorder = Recorder(EngineConnectionError("unix:///x", "no", "nothing"))
    with pytest.raises(EngineConnectionError):
        async with open_runtime(recorded(recorder)):
            pass
    assert recorder.done[-1] == "closed"


async def test_a_runtime_is_closed_though_its_user_is_cancelled() -> None:
    recorder = Recorder(closing=0.01)
    with anyio.CancelScope() as scope:
        async with open_runtime(recorded(recorder)):
            scope.cancel()
    assert recorder.done[-1] == "closed"


async def test_closing_takes_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "CLOSING_TIME", 0.01)
    recorder = Recorder(closing=60)
    with anyio.fail_after(5):
        async with open_runtime(recorded(recorder)):
            pass
    assert recorder.done[-1] == "init"


async def test_another_package_brings_a_runtime_by_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "third_party_runtime.py").write_text(
        "from clab_runtime.runtime.docker import DockerRuntime\n\nclass Third(DockerRuntime):\n    pass\n"
    )
    metadata = tmp_path / "third_party-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[clab_runtime.runtimes]\nthird = third_party_runtime:Third\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    try:
        assert type(new_runtime("third")).__name__ == "Third"
        assert type(new_runtime("third")).__name__ == "Third"
    finally:
        sys.modules.pop("third_party_runtime", None)
