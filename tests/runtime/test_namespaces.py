"""Linking a container's namespace, where it ends in the moment of looking."""

import json
from pathlib import Path

import pytest

from clab_runtime.engine.client import EngineClient
from clab_runtime.host import netns
from clab_runtime.host.side import HostSide
from clab_runtime.runtime.namespaces import link_namespace
from tests.engine.fake_engine import answer, answering, fake_engine

pytestmark = pytest.mark.anyio

NOBODY = 2**22 + 1
"""More than the highest number of a process."""


def inspected(pid: int) -> bytes:
    return answer(json.dumps({"Id": "f" * 64, "Name": "/r1", "State": {"Pid": pid, "Running": pid > 0}}).encode())


@pytest.mark.parametrize(("later", "warnings"), [(0, 0), (NOBODY, 1)], ids=["it has ended", "it is elsewhere"])
async def test_a_namespace_that_is_not_seen_is_a_warning_unless_its_container_has_ended(
    later: int, warnings: int, caplog: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netns, "DIRECTORY", tmp_path)
    script = answering(inspected(NOBODY), inspected(later))
    async with fake_engine(script) as fake, EngineClient(fake.endpoint) as client:
        await link_namespace(client, HostSide(), "r1", "r1")
    assert len(caplog.records) == warnings
    assert netns.find("r1") is None
