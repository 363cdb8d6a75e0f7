"""The README's table of what works where: a row for each field of a node and method of a runtime, a column per engine.

Pure: cells in, Markdown out, and back again, for the README is where the columns of engines that did not run are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from msgspec.structs import fields

from clab_runtime import ContainerRuntime, NodeConfig
from clab_runtime.runtime.node_fields import NOT_TRANSLATED
from tests.readme import aligned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FIELDS = tuple(field.encode_name for field in fields(NodeConfig) if field.name not in NOT_TRANSLATED)
"""The words of a node that a runtime has to honour."""
METHODS = tuple(name for name in vars(ContainerRuntime) if name in ContainerRuntime.__abstractmethods__)
ELSEWHERE = {
    field.encode_name: NOT_TRANSLATED[field.name] for field in fields(NodeConfig) if field.name in NOT_TRANSLATED
}
"""The words that are not a runtime's business, and why."""

_CELL = re.compile(r"(yes|no|)(?: \(([0-9, ]+)\))?")
_ORDER = {"Docker": 0, "Podman": 1}


@dataclass(frozen=True, slots=True)
class Cell:
    """What the tests have found: `yes`, `no`, or nothing; and what is to be said besides."""

    word: str = ""
    notes: tuple[str, ...] = ()


if TYPE_CHECKING:
    Columns = Mapping[str, Mapping[str, Cell]]
    """The cells of each row, by the engine's heading and the row's name."""


def render(columns: Columns) -> str:
    """Write the table, its notes, and the words that are not in it."""
    headings = sorted(columns, key=_place)
    notes = list(dict.fromkeys(note for name in (*FIELDS, *METHODS) for note in _notes(columns, headings, name)))
    rows = [["", *headings]]
    rows += [[f"`{name}`", *_cells(columns, headings, name, notes)] for name in FIELDS]
    rows += [[f"`{_called(name)}`", *_cells(columns, headings, name, notes)] for name in METHODS]
    numbered = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    return "\n\n".join(filter(None, [aligned(rows), "\n".join(numbered), "\n".join(_elsewhere())]))


def parse(text: str) -> Columns:
    """Read the table again."""
    lines = text.splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("|")]
    notes = dict(line.split(". ", 1) for line in lines if re.match(r"[0-9]+\. ", line))
    if not rows:
        return {}
    return {
        heading: {row[0].strip("`()"): _cell(row[place], notes) for row in rows[2:]}
        for place, heading in enumerate(rows[0])
        if heading
    }


def merged(old: Columns, new: Columns) -> Columns:
    """Put new columns in the place of the same engines' of any exact version; keep the others."""
    series = {_series(heading) for heading in new}
    return {**{heading: cells for heading, cells in old.items() if _series(heading) not in series}, **new}


def _called(method: str) -> str:
    """Write a method as it is called, and a property as it is read."""
    return method if isinstance(vars(ContainerRuntime)[method], property) else f"{method}()"


def _series(heading: str) -> tuple[str, ...]:
    """Tell the engine apart by its name, the first two numbers of its version, and who runs it."""
    return (*heading.split(".")[:2], _way(heading))


def _place(heading: str) -> tuple[int, str, list[int]]:
    kind, _, version = heading.partition(" ")
    return _ORDER.get(kind, len(_ORDER)), _way(heading), [int(number) for number in re.findall(r"\d+", version)]


def _way(heading: str) -> str:
    """Return what stands behind the version in brackets, such as `rootless`."""
    return heading.partition("(")[2].rstrip(")")


def _notes(columns: Columns, headings: Iterable[str], name: str) -> Iterator[str]:
    for heading in headings:
        yield from columns[heading].get(name, Cell()).notes


def _cells(columns: Columns, headings: Iterable[str], name: str, notes: list[str]) -> Iterator[str]:
    for heading in headings:
        cell = columns[heading].get(name, Cell())
        numbers = ", ".join(str(notes.index(note) + 1) for note in cell.notes)
        yield f"{cell.word} ({numbers})" if numbers else cell.word


def _cell(text: str, notes: Mapping[str, str]) -> Cell:
    found = _CELL.fullmatch(text)
    if not found:
        return Cell()
    numbers = found[2].split(", ") if found[2] else []
    return Cell(found[1], tuple(notes[number] for number in numbers))


def _elsewhere() -> Iterator[str]:
    yield "Words of a node that are not a runtime's business:"
    yield ""
    for reason, words in groupby(sorted(ELSEWHERE, key=ELSEWHERE.__getitem__), ELSEWHERE.__getitem__):
        yield f"- {', '.join(f'`{word}`' for word in words)}: {reason}"
