"""Hostile and malformed input, on real engines: each case is refused in its place, and nothing is left behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import NoLeaks
from tests.engines import Engine
from tests.hostile.method_cases import method_cases
from tests.hostile.network_cases import network_cases
from tests.hostile.node_cases import node_cases
from tests.hostile.range import counted, open_range
from tests.hostile.runner import try_all
from tests.hostile.type_cases import type_cases

pytestmark = pytest.mark.anyio

CASES = [*type_cases(), *node_cases(), *network_cases(), *method_cases()]
FEWEST = 150
"""Cases that are refused; there are a lot more."""


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker_engine: Engine) -> Iterator[Engine]:
    """An engine that is found as users find theirs, by a process whose temporary files are counted."""
    monkeypatch.setenv("DOCKER_HOST", docker_engine.endpoint)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    yield docker_engine
    assert not list(tmp_path.iterdir()), "temporary files are left"


async def test_hostile_input_is_refused_in_its_place(
    at_home: Engine, no_leaks: NoLeaks, capsys: pytest.CaptureFixture[str]
) -> None:
    netns = netns_links()
    async with no_leaks(), open_range(at_home.kind) as at:
        with counted():
            report = await try_all(CASES, at, at_home.name)
        open("/tmp/suite_report.txt","w").write("\n".join([str(report), *report.complaints]))
        left = await at.strangers()
    with capsys.disabled():
        print(f"\n{at_home.name}: {report}")  # noqa: T201 - the figures are to be seen
    assert not report.complaints, "\n".join(["", *report.complaints])
    assert not left
    assert netns_links() <= netns
    assert sum(report.outcomes.values()) == len(CASES) >= FEWEST


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names), sorted(name for name in names if names.count(name) > 1)


def netns_links() -> set[str]:
    """List the network namespaces that have a name."""
    folder = Path("/run/netns")
    return {entry.name for entry in folder.iterdir()} if folder.exists() else set()
