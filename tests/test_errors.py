"""The error tree: as drawn, as the status table says, and readable at any length."""

import inspect
import re

import pytest

from clab_runtime import errors
from clab_runtime.errors import (
    MAX_MESSAGE,
    ConflictError,
    ContainerExitedError,
    ContainerRuntimeError,
    EngineConnectionError,
    EngineError,
    EngineInternalError,
    ForbiddenError,
    InvalidArgumentError,
    InvalidValueError,
    NotFoundError,
    SubnetOverlapError,
    UnauthorizedError,
    UnsupportedOperationError,
    WaitTimeoutError,
    error_from_status,
)


def drawn() -> dict[str, str]:
    """Read the tree in the module's docstring: each class and the one above it."""
    parents: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        match = re.fullmatch(r"\s*((?:[|]?\s*)*(?:\+-- )?)(\w+)( {2,}.*)?", line)
        if match and (match[1].endswith("+-- ") or match[2] == "ContainerRuntimeError"):
            depth = match[1].count("|") + match[1].count("+")
            above[depth:] = [match[2]]
            parents[match[2]] = above[depth - 1] if depth else ""
    return parents


def test_the_tree_is_as_drawn() -> None:
    classes = {
        name: kind
        for name, kind in vars(errors).items()
        if inspect.isclass(kind) and issubclass(kind, BaseException) and kind.__module__ == errors.__name__
    }
    ours = {
        name: next((base.__name__ for base in kind.__bases__ if base.__name__ in classes), "")
        for name, kind in classes.items()
    }
    assert drawn() == ours
    assert ours["ContainerRuntimeError"] == ""


def test_some_are_builtin_errors_too() -> None:
    assert issubclass(InvalidValueError, ValueError)
    assert issubclass(WaitTimeoutError, TimeoutError)
    assert not issubclass(ContainerRuntimeError, OSError)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidArgumentError),
        (401, UnauthorizedError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, ConflictError),
        (500, EngineInternalError),
        (501, EngineInternalError),
        (503, EngineInternalError),
        (301, EngineError),
        (405, EngineError),
        (418, EngineError),
        (499, EngineError),
    ],
)
def test_a_status_becomes_its_class_and_only_404_is_not_found(status: int, kind: type[EngineError]) -> None:
    error = error_from_status(status, "words", "GET", "/x")
    assert type(error) is kind
    assert str(error) == f"GET /x: {status} words"
    assert (error.status, error.message, error.method, error.path) == (status, "words", "GET", "/x")


def test_an_engines_message_of_any_size_is_cut() -> None:
    error = error_from_status(500, "x" * 10_000_000, "GET", "/x")
    assert len(error.message) == MAX_MESSAGE
    assert len(str(error)) < MAX_MESSAGE + 50


def test_a_path_of_any_size_is_cut_in_the_text() -> None:
    assert len(str(error_from_status(404, "no such container", "GET", "/containers/" + "%00" * 10_240))) < 1000


def test_a_value_of_any_size_is_cut() -> None:
    error = InvalidValueError("name", "x" * 1_000_000, "be brief")
    assert str(error).startswith("name: 'xxx")
    assert str(error).endswith("... (1000002 characters) is not valid; be brief")
    assert len(str(error)) < 300
    assert (error.field, len(str(error.value)), error.allowed) == ("name", 1_000_000, "be brief")
    assert str(InvalidValueError("n", None, "give one")) == "n: None is not valid; give one"


def test_a_connection_error_says_where_what_and_what_to_do() -> None:
    error = EngineConnectionError("unix:///x", "no such socket", "start it")
    assert str(error) == "unix:///x: no such socket; start it"
    assert (error.endpoint, error.problem, error.advice) == ("unix:///x", "no such socket", "start it")


def test_an_overlap_names_both_networks() -> None:
    error = SubnetOverlapError("a", "10.0.0.0/24", "b", "10.0.0.0/16")
    assert str(error) == (
        "network 'a' can't have the subnet 10.0.0.0/24: it overlaps 10.0.0.0/16 of network 'b'; "
        "choose another subnet or remove that network"
    )
    assert (error.network, error.other_network, error.subnet, error.other_subnet) == (
        "a",
        "b",
        "10.0.0.0/24",
        "10.0.0.0/16",
    )


def test_what_is_unsupported_names_engine_version_and_feature() -> None:
    error = UnsupportedOperationError("podman", "4.3.1", "pausing")
    assert str(error) == "podman 4.3.1 does not support pausing"
    assert str(UnsupportedOperationError("docker", "", "x")) == "docker does not support x"
    assert (error.engine, error.version, error.feature) == ("podman", "4.3.1", "pausing")


def test_a_dead_container_shows_the_evidence() -> None:
    error = ContainerExitedError(
        "r1", exit_code=137, oom_killed=True, signal="SIGKILL", error="boom", last_lines=[b"a", b"\xff"]
    )
    assert str(error) == (
        "container 'r1' is not running, exit code 137, signal SIGKILL, out of memory, boom; its last output:\na\n\ufffd"
    )
    assert error.last_lines == (b"a", b"\xff")
    assert str(ContainerExitedError("r1")) == "container 'r1' is not running"
    assert "exit code 0" in str(ContainerExitedError("r1", exit_code=0))
