"""A Podman that keeps no events: whoever wants to hear some is told so, and what to do."""

from collections.abc import Generator
from pathlib import Path

import pytest

from clab_runtime import UnsupportedOperationError
from tests.contract.lab import runtime_for
from tests.engines import Engine, down, up

pytestmark = pytest.mark.anyio

_started: dict[str, Path] = {}


@pytest.fixture(scope="module", autouse=True)
def taken_down() -> Generator[None]:
    """Take the engines down once all tests have used them."""
    yield
    while _started:
        down(_started.popitem()[1])


@pytest.fixture
def silent(podman_engine: Engine) -> Engine:
    """An engine of the same version that keeps no events."""
    beside = podman_engine.directory
    place = _started.setdefault(podman_engine.name, beside.with_name(f"{beside.name}s"))  # a short one, see conftest
    return up(podman_engine.name, place, arguments=("--events-backend", "none"))


@pytest.mark.proves("stream_events")
async def test_a_podman_that_keeps_no_events_is_said_to_before_one_waits_for_ever(silent: Engine) -> None:
    runtime = runtime_for(silent)
    await runtime.init()
    try:
        with pytest.raises(UnsupportedOperationError, match=f"podman {silent.version} .*events_logger"):
            async with runtime.stream_events():
                pass
        with pytest.raises(UnsupportedOperationError):
            await anext(runtime.stream_events())
    finally:
        await runtime.aclose()
