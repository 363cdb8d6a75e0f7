"""A pytest plugin: what the tests prove on real engines goes into the README's table, after a full run that is green.

A test with the marker `proves` fills the rows that it names, in the column of the engine that it ran on. A cell says
yes when every such test has passed, on every event loop; `record_property("cannot", why)` makes it a no unless another
test shows some of it, and `record_property("note", what)` is said below the table, of one row alone where the property
is called `note` and the row's name. The plugin reads reports alone, so
that it works where other processes run the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, cast

import pytest

from tests.matrix_table import Cell, merged, parse, render
from tests.readme import README, between, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

TABLE = "matrix"
PROVES, ENGINE, CANNOT, NOTE = "proves", "engine", "cannot", "note"
"""What user properties of a test are called."""

_SELECTIONS = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise", "collectonly")


@dataclass(frozen=True, slots=True)
class Proof:
    """How one test, with one set of parameters, has ended."""

    passed: bool
    cannot: tuple[str, ...]
    notes: tuple[str, ...]


class Matrix:
    """Collect what tests have proven, for each engine and each row."""

    def __init__(self, readme: Path = README) -> None:
        self._readme = readme
        self._ended: dict[str, list[str]] = {}
        self._proofs: dict[str, dict[str, list[Proof]]] = {}

    def pytest_collection_modifyitems(self, items: Iterable[pytest.Item]) -> None:
        """Let each report say what its test proves."""
        for item in items:
            for marker in item.iter_markers(PROVES):
                item.user_properties += [(PROVES, name) for name in cast("tuple[str, ...]", marker.args)]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test's phases end; what it has recorded is complete in the last one."""
        self._ended.setdefault(report.nodeid, []).append(report.outcome)
        if report.when == "teardown":
            outcomes = self._ended.pop(report.nodeid)
            self._note(report, passed=set(outcomes) == {"passed"})

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the table, if this was all of the suite and all of it is well."""
        if exitstatus == pytest.ExitCode.OK and is_full(session.config):
            self.update()

    def update(self) -> None:
        """Put the columns of the engines that ran into the README."""
        columns = {
            engine: {name: cell(proofs) for name, proofs in rows.items()} for engine, rows in self._proofs.items()
        }
        old = between(self._readme.read_text(encoding="utf-8"), TABLE)
        if columns and old is not None:
            write(self._readme, TABLE, render(merged(parse(old), columns)))

    def _note(self, report: pytest.TestReport, *, passed: bool) -> None:
        for engine, name in product(_recorded(report, ENGINE), _recorded(report, PROVES)):
            notes = _recorded(report, NOTE) + _recorded(report, note_of(name))
            proof = Proof(passed, _recorded(report, CANNOT), notes)
            self._proofs.setdefault(engine, {}).setdefault(name, []).append(proof)


def note_of(name: str) -> str:
    """Name the property that is said of one row alone."""
    return f"{NOTE} {name}"


def cell(proofs: Sequence[Proof]) -> Cell:
    """Sum up what all tests of a row have found on an engine."""
    if not all(proof.passed for proof in proofs):
        return Cell()
    word = "no" if all(proof.cannot for proof in proofs) else "yes"
    said = dict.fromkeys(note for proof in proofs for note in (*proof.cannot, *proof.notes))
    return Cell(word, tuple(said))


def is_full(config: pytest.Config) -> bool:
    """Tell whether the whole suite is run, and not a choice of it, and by the process that reports."""
    chosen = any(config.getoption(name, None) for name in _SELECTIONS)
    return (
        config.args_source is pytest.Config.ArgsSource.TESTPATHS and not chosen and not hasattr(config, "workerinput")
    )


def _recorded(report: pytest.TestReport, name: str) -> tuple[str, ...]:
    return tuple(str(value) for key, value in report.user_properties if key == name)
