"""The lab that every test on a real engine has, and a docker CLI that is logged in nowhere."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.contract.differences import differs
from tests.contract.lab import lab
from tests.engines import Engine, user

__all__ = ["differs", "docker_config", "lab"]


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The docker CLI's folder, empty: whoever runs the tests may be logged in somewhere."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


@pytest.fixture
def shared(engine: Engine, tmp_path: Path) -> Generator[Path]:
    """A directory of the host's that the engine may give to containers; into tmp_path nobody but root can go."""
    if not engine.rootless:
        yield tmp_path
        return
    place = user.home(engine.directory) / tmp_path.name
    place.mkdir()
    os.chown(place, user.UID, user.UID)
    yield place
    shutil.rmtree(place)
