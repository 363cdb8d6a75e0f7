"""The lab that every test on a real engine has, and a docker CLI that is logged in nowhere."""

from pathlib import Path

import pytest

from tests.contract.differences import differs
from tests.contract.lab import lab

__all__ = ["differs", "docker_config", "lab"]


@pytest.fixture(autouse=True)
def docker_config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The docker CLI's folder, empty: whoever runs the tests may be logged in somewhere."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path
