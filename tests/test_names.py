"""The README's table of names: every Go name of containerlab's interface is in it, with a Python name that there is."""

import json
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest

import clab_runtime

GO_NAMES: dict[str, list[str]] = json.loads((Path(__file__).parent / "data" / "go_names.json").read_text())
"""What containerlab's documentation exports, by where it is said."""
README = Path(__file__).parents[1] / "README.md"

_TABLE = re.compile(r"<!-- names:begin -->\n(.*?)<!-- names:end -->", re.DOTALL)


def rows() -> list[tuple[list[str], list[str]]]:
    """Read the Go names and the Python names of each row."""
    table = _TABLE.search(README.read_text(encoding="utf-8"))
    assert table
    lines = table[1].splitlines()[2:]
    return [(list(names_in(line.split("|")[1])), list(names_in(line.split("|")[2]))) for line in lines]


def names_in(cell: str) -> Iterator[str]:
    """Take the names in a cell; one that begins with a dot belongs to what the one before belongs to."""
    owner = ""
    for name in re.findall(r"`([^`]+)`", cell):
        owner = owner if name.startswith(".") else name.partition(".")[0]
        yield owner + name if name.startswith(".") else name


def test_every_go_name_is_in_the_table_once_and_no_other_is() -> None:
    listed = [name for go, _ in rows() for name in go]
    assert sorted(listed) == sorted(name for names in GO_NAMES.values() for name in names)


@pytest.mark.parametrize(("go", "python"), rows(), ids=lambda names: names[0])
def test_every_python_name_in_the_table_exists(go: list[str], python: list[str]) -> None:
    assert len(python) in {len(go), 1}, "a name each, or one for all"
    for name in python:
        found = reduce(getattr, re.sub(r"\(.*\)$", "", name).split("."), clab_runtime)
        assert callable(found) or not name.endswith(")"), f"{name} can't be called"


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        ("`Node`, `Node.Config`, `.GetEndpoints`", ["Node", "Node.Config", "Node.GetEndpoints"]),
        ("`A.x`, `.y()`, `B`, `C.z`, `.w`", ["A.x", "A.y()", "B", "C.z", "C.w"]),
    ],
)
def test_a_name_that_begins_with_a_dot_belongs_to_the_last_owner(cell: str, names: list[str]) -> None:
    assert list(names_in(cell)) == names
