"""What is a signal, and what is none."""

import pytest

from clab_runtime import (
    InvalidValueError,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.runtime.docker import DockerDialect
from clab_runtime.runtime.stopping import signal_number

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "signal",
    [
        "",
        " ",
        "SIG",
        "SIGBOGUS",
        "KILL ",
        "0",
        "-9",
        "32",
        "65",
        "1" * 5000,
        "٩",
        "RTMIN-1",
        "RTMIN+99",
        "RTMIN+",
        "TERM+1",
    ],
)
async def test_a_word_that_is_no_signal_is_refused_before_any_request(signal: str) -> None:
    with pytest.raises(InvalidValueError, match="signal"):
        await DockerDialect().stop_with_signal(EngineClient("unix:///nowhere"), "r1", signal, 1)


@pytest.mark.parametrize(
    ("signal", "number"),
    [("SIGTERM", 15), ("term", 15), ("9", 9), ("SIGRTMIN+3", 37), ("rtmax-1", 63), ("RTMIN", 34)],
)
def test_a_signal_has_names_and_a_number(signal: str, number: int) -> None:
    assert signal_number(signal) == number
