"""Hostile and malformed input, on real engines: each case is refused in its place, and nothing is left behind."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from clab_runtime import ContainerRuntime, MgmtNet, NodeConfig
from tests.conftest import FIGURES, NoLeaks
from tests.contract.differences import DIFFERENCES, difference
from tests.engines import Engine
from tests.hostile.cases import BEFORE, EITHER, ENGINE, HARMLESS, Case
from tests.hostile.method_cases import method_cases
from tests.hostile.network_cases import network_cases
from tests.hostile.node_cases import node_cases
from tests.hostile.range import open_range
from tests.hostile.runner import try_all
from tests.hostile.type_cases import type_cases

pytestmark = pytest.mark.anyio

VALUES = [*node_cases(), *network_cases(), *method_cases()]
CASES = {"of a wrong type": list(type_cases()), "of a wrong value": VALUES}
HOSTILE = "hostile "
"""How the names of differences begin that are about the cases of a title."""
PLACES = {"before": BEFORE, "engine": ENGINE, "either": EITHER, "harmless": HARMLESS}
FEWEST = 150
"""Wrong values that are refused; there are a lot more."""


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> Iterator[Engine]:
    """An engine that is found as users find theirs, by a process whose temporary files are counted."""
    monkeypatch.setenv(engine.variable, engine.endpoint)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield engine
    assert not list(tmp_path.iterdir()), "temporary files are left"


async def test_hostile_input_is_refused_in_its_place_and_leaves_nothing(
    at_home: Engine, no_leaks: NoLeaks, record_property: Callable[[str, object], None]
) -> None:
    async with no_leaks(), open_range(at_home.kind) as at:
        reports = {what: await try_all(expected_on(at_home, cases), at) for what, cases in CASES.items()}
        left = await at.strangers()
    record_property(FIGURES, "; ".join(f"hostile input {what}: {report}" for what, report in reports.items()))
    complaints = [complaint for report in reports.values() for complaint in report.complaints]
    assert not complaints, "\n".join(["", *complaints])
    assert not left
    assert not [name for name in netns_links() if at.lab in name]
    assert reports["of a wrong value"].refused > FEWEST


def test_every_case_has_a_name_of_its_own() -> None:
    names = Counter(case.name for cases in CASES.values() for case in cases)
    assert [name for name, times in names.items() if times > 1] == []


def test_every_field_of_a_node_and_of_a_network_and_every_method_has_a_case() -> None:
    names = " ".join(case.name for cases in CASES.values() for case in cases)
    fields = {*NodeConfig.__struct_fields__, *MgmtNet.__struct_fields__}
    without_arguments = {"aclose", "check_connection", "delete_net", "get_cooc_bind_mounts", "get_runtime_socket"}
    settings = {"name", "config", "mgmt", "faults", "with_config", "with_mgmt_net", "with_keep_mgmt_net"}
    methods = {name for name in vars(ContainerRuntime) if not name.startswith("_")} - without_arguments - settings
    assert {name for name in fields | methods if name not in names} == set()


def expected_on(engine: Engine, cases: Sequence[Case]) -> Sequence[Case]:
    """Have what the table of differences says about an engine expected of it, and else what is expected of all."""
    found = {name.removeprefix(HOSTILE): difference(engine, name) for name in DIFFERENCES if name.startswith(HOSTILE)}
    places = {title: PLACES[str(differs.value)] for title, differs in found.items() if differs is not None}
    return [replace(case, expected=places.get(case.name.partition(":")[0], case.expected)) for case in cases]


def netns_links() -> list[str]:
    """List the network namespaces that have a name."""
    folder = Path("/run/netns")
    return [entry.name for entry in folder.iterdir()] if folder.exists() else []
