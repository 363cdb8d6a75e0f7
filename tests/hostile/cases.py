"""What a hostile case is, and how the tables are written: a call, and what may come of it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

MAX_SHOWN = 60

Values: TypeAlias = Mapping[str, Sequence[object]]
"""Hostile values by the field that gets them; a function is called for one that can't even be made."""


class Outcome(StrEnum):
    """What came of a case."""

    BEFORE = "refused before a request"
    ENGINE = "refused by the engine"
    HARMLESS = "harmless"
    """Nothing was refused, and nothing came of it but what the value says."""


BEFORE = frozenset({Outcome.BEFORE})
ENGINE = frozenset({Outcome.ENGINE})
HARMLESS = frozenset({Outcome.HARMLESS})
EITHER = BEFORE | ENGINE

Call: TypeAlias = Callable[[Any], Awaitable[object]]
"""A call on a Range, whose runtime takes any type here."""


@dataclass(frozen=True)
class Case:
    """A call with something in it that is not right."""

    name: str
    call: Call
    expected: frozenset[Outcome] = BEFORE
    field: str = ""
    """How the field begins that InvalidValueError names."""
    on: Mapping[str, frozenset[Outcome]] = dataclasses.field(default_factory=dict[str, frozenset[Outcome]])
    """What is expected elsewhere on an engine, by its name (`docker-28.5`) or its kind."""

    def expected_on(self, engine: str) -> frozenset[Outcome]:
        """Tell what may come of it on an engine."""
        kind = engine.partition("-")[0]
        return self.on.get(engine, self.on.get(kind, self.expected))


def shown(value: object) -> str:
    """Show a value, or what a function is to make, in a line."""
    text = getattr(value, "__doc__", None) if callable(value) else None
    text = text or ascii(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}... ({len(text)})"


def made(value: Any) -> Any:  # noqa: ANN401 - the types are what is wrong
    """Return a value, or make it."""
    return value() if callable(value) else value


def each(table: Values, case: Callable[[str, object], Case]) -> Iterator[Case]:
    """Make a case of every value in a table."""
    for name, values in table.items():
        for value in values:
            yield case(name, value)
