"""The lab that every test on a real engine has, and engines that a test may stop as it likes."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.conftest import ENGINE_NAMES, IN_CI, short
from tests.contract.lab import lab
from tests.engines import Engine, EngineSetupError, down, up

__all__ = ["lab"]


@pytest.fixture(params=ENGINE_NAMES)
def own_engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[Engine]:
    """Each engine that ENGINES names, one that no other test uses; it goes with all that is in it."""
    name: str = request.param
    place = _base(tmp_path_factory) / f"o{short(name)}{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    try:
        try:
            yield up(name, place)
        except EngineSetupError as exc:
            if IN_CI:
                raise
            pytest.skip(f"{name}: {exc}")
    finally:
        down(place)


def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where make finds what a crash leaves, if it is make that runs the tests."""
    return Path(os.environ.get("CLAB_ENGINES_DIR") or tmp_path_factory.mktemp("engines"))
