"""The README's table of what works where: nothing is without a test, and cells say what the tests have found."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pytest

from tests.matrix import CANNOT, ENGINE, NOTE, PROVES, TABLE, Matrix, note_of
from tests.matrix_table import ELSEWHERE, FIELDS, METHODS, Cell, merged, parse, render
from tests.readme import README, between

TESTS = Path(__file__).parent
P43, P43_ROOTLESS = "Podman 4.3.1", "Podman 4.3.1 (rootless)"
D20, D28, OLD_D28 = "Docker 20.10.24+dfsg1", "Docker 28.5.2+dfsg3", "Docker 28.5.1"


def proven() -> Iterator[tuple[str, str]]:
    """Find the names that tests prove, and where; in the sources, so that a choice of tests sees all of them."""
    for path in TESTS.rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.proves":
                for argument in node.args:
                    yield str(ast.literal_eval(argument)), path.name


def test_every_field_and_method_has_a_test_that_proves_it() -> None:
    assert not {*FIELDS, *METHODS} - {name for name, _ in proven()}


def test_what_tests_prove_is_a_field_or_a_method() -> None:
    assert not [(name, where) for name, where in proven() if name not in {*FIELDS, *METHODS}]


def test_fields_and_methods_have_no_name_in_common() -> None:
    assert not set(FIELDS) & set(METHODS)
    assert not set(FIELDS) & set(ELSEWHERE)


def test_the_readme_has_a_place_for_the_table() -> None:
    assert between(README.read_text(encoding="utf-8"), TABLE) is not None


# ---------------------------------------------------------------- the table


def test_a_table_is_read_as_it_was_written() -> None:
    columns = {
        D20: {
            "cpu": Cell("yes"),
            "mgmt-intf": Cell("no", ("too old",)),
            "privileged": Cell("yes", ("seen", "too old")),
        },
        D28: {"cpu": Cell("yes"), "create_net": Cell("yes"), "image": Cell()},
    }
    read = parse(render(columns))
    assert list(read) == [D20, D28]
    assert read[D20]["mgmt-intf"] == Cell("no", ("too old",))
    assert read[D20]["privileged"] == Cell("yes", ("seen", "too old"))
    assert (read[D28]["cpu"], read[D28]["create_net"], read[D28]["image"]) == (Cell("yes"), Cell("yes"), Cell())
    assert set(read[D20]) == {*FIELDS, *METHODS}


def test_the_words_that_are_elsewhere_are_told_with_the_reason() -> None:
    text = render({})
    for word, reason in ELSEWHERE.items():
        assert any(f"`{word}`" in line and line.endswith(reason) for line in text.splitlines())


def test_columns_are_in_the_order_of_engines_and_versions() -> None:
    headings = [P43_ROOTLESS, "Podman 5.4.2", P43, D28, "Docker 5.0.1", D20]
    ordered = ["Docker 5.0.1", D20, D28, P43, "Podman 5.4.2", P43_ROOTLESS]
    assert list(parse(render({heading: {} for heading in headings}))) == ordered


def test_a_new_column_takes_the_place_of_the_same_engines_and_leaves_the_others() -> None:
    yes, no = {"cpu": Cell("yes")}, {"cpu": Cell("no")}
    assert merged({D20: yes, OLD_D28: no}, {D28: yes}) == {D20: yes, D28: yes}
    assert merged({P43: no, P43_ROOTLESS: no}, {P43_ROOTLESS: yes}) == {P43: no, P43_ROOTLESS: yes}


def test_what_is_said_of_several_cells_is_one_footnote() -> None:
    said = Cell("yes", ("slow",))
    text = render({D20: {"cpu": said, "memory": said}, P43: {"cpu": Cell("no", ("slow",))}})
    assert text.count("slow") == 1


# ---------------------------------------------------------------- the plugin

Phase = Literal["setup", "call", "teardown"]
Outcome = Literal["passed", "failed", "skipped"]


def report(matrix: Matrix, engine: str, name: str, *recorded: tuple[str, str], call: Outcome = "passed") -> None:
    """Tell the plugin of a test, as pytest does."""
    test = f"test_{name}"
    properties = [(PROVES, name), (ENGINE, engine), *recorded]
    phases: dict[Phase, Outcome] = {"setup": "passed", "call": call, "teardown": "passed"}
    for when, outcome in phases.items():
        location = (test, 1, test)
        matrix.pytest_runtest_logreport(
            pytest.TestReport(test, location, {}, outcome, None, when, user_properties=properties)
        )


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    path = tmp_path / "README.md"
    path.write_text("# Before\n\n<!-- matrix:begin -->\n<!-- matrix:end -->\n\nAfter\n", encoding="utf-8")
    return path


def table(path: Path) -> Mapping[str, Mapping[str, Cell]]:
    return parse(between(path.read_text(encoding="utf-8"), TABLE) or "")


def test_a_cell_says_yes_when_all_tests_of_all_backends_passed(readme: Path) -> None:
    matrix = Matrix(readme)
    for backend in ("asyncio", "trio"):
        report(matrix, D20, "cpu")
        report(matrix, D20, "memory", call="skipped" if backend == "trio" else "passed")
    matrix.update()
    assert (table(readme)[D20]["cpu"], table(readme)[D20]["memory"]) == (Cell("yes"), Cell())
    assert readme.read_text(encoding="utf-8").startswith("# Before\n\n<!-- matrix:begin -->\n|")
    assert readme.read_text(encoding="utf-8").endswith("<!-- matrix:end -->\n\nAfter\n")


def test_what_an_engine_cannot_do_is_a_no_unless_another_test_shows_some_of_it(readme: Path) -> None:
    matrix = Matrix(readme)
    report(matrix, D20, "mgmt-intf", (CANNOT, "needs API 1.48"))
    report(matrix, D20, "stop_container", (CANNOT, "no signals below API 1.42"))
    report(matrix, D20, "stop_container")
    report(matrix, D20, "privileged", (NOTE, "not seen inside"))
    matrix.update()
    cells = table(readme)[D20]
    assert cells["mgmt-intf"] == Cell("no", ("needs API 1.48",))
    assert cells["stop_container"] == Cell("yes", ("no signals below API 1.42",))
    assert cells["privileged"] == Cell("yes", ("not seen inside",))


def test_a_note_may_be_of_one_row_alone(readme: Path) -> None:
    matrix = Matrix(readme)
    report(matrix, D20, "cpu", (PROVES, "memory"), (note_of("memory"), "a little"), (NOTE, "both"))
    matrix.update()
    cells = table(readme)[D20]
    assert (cells["cpu"], cells["memory"]) == (Cell("yes", ("both",)), Cell("yes", ("both", "a little")))


def test_columns_of_engines_that_did_not_run_stay(readme: Path) -> None:
    first, second = Matrix(readme), Matrix(readme)
    report(first, D20, "cpu")
    report(first, OLD_D28, "cpu", call="skipped")
    first.update()
    report(second, D28, "cpu", (NOTE, "well"))
    second.update()
    assert list(table(readme)) == [D20, D28]
    assert (table(readme)[D20]["cpu"], table(readme)[D28]["cpu"]) == (Cell("yes"), Cell("yes", ("well",)))


def test_without_an_engine_nothing_is_written(readme: Path) -> None:
    before = readme.read_text(encoding="utf-8")
    Matrix(readme).update()
    assert readme.read_text(encoding="utf-8") == before
