"""What a hostile case is, and how the tables are written: a call, values, and what may come of them."""

import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

MAX_SHOWN = 60

Values: TypeAlias = Mapping[str, Sequence[object]]
"""Hostile values by the field that gets them."""

Call: TypeAlias = Callable[[Any], Awaitable[object]]
"""A call on a Range; the types are what is wrong in it, so that no type checker looks."""
CallWith: TypeAlias = Callable[[Any, Any], Awaitable[object]]
"""A call on a Range with a value."""


class Outcome(StrEnum):
    """What came of a case."""

    BEFORE = "refused before a request"
    ENGINE = "refused by the engine"
    HARMLESS = "harmless"
    """Carried as it is, and nothing came of it but what it says."""


BEFORE = frozenset({Outcome.BEFORE})
ENGINE = frozenset({Outcome.ENGINE})
HARMLESS = frozenset({Outcome.HARMLESS})
EITHER = BEFORE | ENGINE


@dataclass(frozen=True)
class Case:
    """A call with something in it that is not right."""

    name: str
    call: Call
    expected: frozenset[Outcome] = BEFORE
    field: str = ""
    """How the field begins that InvalidValueError names."""


@dataclass(frozen=True)
class Group:
    """A call, and values that are wrong for it."""

    title: str
    call: CallWith
    expected: frozenset[Outcome]
    field: str
    values: Sequence[object]

    def cases(self) -> Iterator[Case]:
        """Make a case of each value."""
        return map(self._case, self.values)

    def _case(self, value: object) -> Case:
        call = self.call
        return Case(f"{self.title}: {shown(value)}", lambda at: call(at, value), self.expected, self.field)


def shown(value: object) -> str:
    """Show a value in a line; a long one by its beginning, its length and its sum."""
    text = ascii(value)
    if len(text) <= MAX_SHOWN:
        return text
    return f"{text[:MAX_SHOWN]}... ({len(text)}, {zlib.crc32(text.encode()):08x})"
