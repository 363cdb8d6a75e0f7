"""Podman's lines of a pull, put into Docker's words."""

import pytest

from clab_runtime.engine import schema
from clab_runtime.runtime.podman_pull import PullLines

BEGUN, DONE = "Pulling fs layer", "Download complete"


def fed(*lines: str) -> list[str]:
    """Feed lines such as `a Pulling fs layer`, and return what comes of them as `a Pull complete`."""
    worded = PullLines()
    wire = (schema.ProgressLine(status, name) for name, _, status in (line.partition(" ") for line in lines))
    return [f"{line.id} {line.status}" for given in wire for line in worded.feed(given)]


CONFIGURATION = (f"c {BEGUN}", f"c {DONE}", f"c {DONE}")


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((f"a {BEGUN}", f"a {DONE}"), ["a Pulling fs layer", "a Pull complete"]),
        (
            (f"a {BEGUN}", f"b {BEGUN}", f"b {DONE}", "a Downloading", f"a {DONE}"),
            ["a Pulling fs layer", "b Pulling fs layer", "b Pull complete", "a Downloading", "a Pull complete"],
        ),
        (("a Already exists",), ["a Already exists"]),
        (
            (f"a {BEGUN}", f"a {DONE}", f"b {BEGUN}", f"b {DONE}"),
            ["a Pulling fs layer", "a Pull complete", "b Pulling fs layer", "b Pull complete"],
        ),
    ],
    ids=["one layer", "two at once", "none is new", "one after the other"],
)
def test_a_layer_is_complete_once_it_is_there_and_the_configuration_is_no_layer(
    lines: tuple[str, ...], expected: list[str]
) -> None:
    assert fed(*lines, *CONFIGURATION) == expected


def test_a_layer_that_takes_its_time_is_no_configuration() -> None:
    assert fed(f"a {BEGUN}", f"a {DONE}", f"b {BEGUN}", "b Downloading") == [
        "a Pulling fs layer",
        "a Pull complete",
        "b Pulling fs layer",
        "b Downloading",
    ]
