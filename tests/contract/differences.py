"""Where engines really differ: what a test of the contract expects of which engine instead, and why.

A test asks by the name of what it is about, `difference(engine, "...")`, and gets the Difference that counts for the
engine, or None where it does as all do. The reason becomes a footnote in the README's table.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engines import Engine
from tests.matrix import NOTE


@dataclass(frozen=True, slots=True)
class Difference:
    """What some engines do in a way of their own."""

    engines: str
    """A pattern of the engines' names, such as `docker-.*` or `podman-4.3(-rootless)?`."""
    reason: str
    """Why, in a sentence for the README."""
    value: object = None
    """What is to be expected there, if the test can't say so by itself."""


DIFFERENCES: dict[str, tuple[Difference, ...]] = {
    "health_output": (
        Difference(
            "podman-4.3(-rootless)?", "Podman 4.3 notes a health check's output without its last newline", "so sick"
        ),
    ),
    "input_ends": (
        Difference(
            "podman-.*", "Podman ends the input of a container without a TTY, which no node is, when a client leaves it"
        ),
    ),
    "signalled_again": (
        Difference(
            "podman-4.3(-rootless)?",
            "Podman 4.3 starts a container with a restart policy again after a signal; it is then stopped by force",
            (137, 1),
        ),
    ),
}
"""By the name of what a test is about, in the order of the alphabet."""


Differs = Callable[[str], Difference | None]
"""Tell how this test's engine differs in something, and have it said below the README's table."""


def difference(engine: Engine, name: str) -> Difference | None:
    """Find how an engine differs in something that is in the table."""
    return next((found for found in DIFFERENCES[name] if re.fullmatch(found.engines, engine.name)), None)


@pytest.fixture
def differs(engine: Engine, record_property: Callable[[str, Any], None]) -> Differs:
    """Ask for differences of the test's engine."""

    def ask(name: str) -> Difference | None:
        found = difference(engine, name)
        if found is not None:
            record_property(NOTE, found.reason)
        return found

    return ask
