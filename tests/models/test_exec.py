"""Commands and their results."""

import json
import pickle
import shlex
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import ExecCmd, ExecCollection, ExecResult


def result(*, command: str = "cat x", code: int = 0, stdout: bytes = b"", stderr: bytes = b"") -> ExecResult:
    return ExecResult(command=ExecCmd(command), exit_code=code, stdout=stdout, stderr=stderr)


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        ("ip -br addr", ("ip", "-br", "addr")),
        ("sh -c 'echo $HOME | cat'", ("sh", "-c", "echo $HOME | cat")),
        ('echo "a  b" c\\ d ""', ("echo", "a  b", "c d", "")),
        ("echo # no comment", ("echo", "#", "no", "comment")),
    ],
)
def test_a_string_is_split_as_a_shell_does(command: str, argv: tuple[str, ...]) -> None:
    assert ExecCmd(command).argv == argv


def test_a_sequence_is_taken_as_it_is() -> None:
    assert ExecCmd(["echo", "a b", "$x"]).argv == ("echo", "a b", "$x")


@given(
    st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1).filter(
        lambda argv: argv[0] != ""
    )
)
def test_any_command_survives_quoting(argv: list[str]) -> None:
    assert ExecCmd(shlex.join(argv)) == ExecCmd(argv)
    assert ExecCmd(str(ExecCmd(argv))).argv == tuple(argv)


@pytest.mark.parametrize("command", ["", "   ", "''", [], [""], ()])
def test_a_command_without_a_program_is_refused(command: str | list[str]) -> None:
    with pytest.raises(InvalidValueError, match=r"command: .* name a program"):
        ExecCmd(command)


@pytest.mark.parametrize("command", ["echo 'x", 'echo "x', "echo \\"])
def test_an_open_quote_is_refused(command: str) -> None:
    with pytest.raises(InvalidValueError, match="quotes have to be closed"):
        ExecCmd(command)


def test_a_command_is_a_value() -> None:
    command = ExecCmd("echo 'a b'")
    assert repr(command) == "ExecCmd(\"echo 'a b'\")"
    assert len({command, ExecCmd(["echo", "a b"])}) == 1
    assert pickle.loads(pickle.dumps(command)) == command
    with pytest.raises(FrozenInstanceError):
        command.argv = ()  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_a_result_keeps_bytes_and_shows_text() -> None:
    made = result(stdout=b"\xff\n", stderr=b"oops", code=2)
    assert (made.stdout, made.stdout_text, made.stderr_text, made.ok) == (b"\xff\n", "\ufffd\n", "oops", False)
    assert result().ok


def test_a_result_reads_as_a_few_lines() -> None:
    assert str(result(stdout=b"hi\n", code=1)) == "Cmd: cat x\nReturnCode: 1\nStdout: hi\n"
    assert str(result(stderr=b"no")) == "Cmd: cat x\nReturnCode: 0\nStderr: no\n"


def test_a_plain_dump_names_each_container_once() -> None:
    collection = ExecCollection()
    collection.add("b", result(stdout=b"1\n"))
    collection.add("a", result(stdout=b"2\n"), result(stdout=b"3\n"))
    collection.add("empty")
    first, second = collection.dump("plain").split("\n+++++++++++++++++++++++++++++\n\n")
    assert first.startswith("Node: a\nCmd: cat x\n")
    assert "Stdout: 2" in first
    assert "Stdout: 3" in first
    assert second == "Node: b\nCmd: cat x\nReturnCode: 0\nStdout: 1\n"


def test_a_json_dump_has_containerlabs_words() -> None:
    collection = ExecCollection({"a": [result(command="echo 'a b'", stdout=b"x\xff\n", stderr=b"e", code=3)]})
    assert json.loads(collection.dump("json")) == {
        "a": [{"cmd": ["echo", "a b"], "return-code": 3, "stdout": "x\ufffd\n", "stderr": "e"}]
    }


@pytest.mark.parametrize("stdout", [b'{"a": [1, null]}\n', b"[]", b"42\n", b'"x"', b"true"])
def test_output_that_is_json_is_embedded_as_json(stdout: bytes) -> None:
    dumped = json.loads(ExecCollection({"a": [result(stdout=stdout)]}).dump("json"))
    assert dumped["a"][0]["stdout"] == json.loads(stdout)


@pytest.mark.parametrize("stdout", [b"", b"\n", b"{", b"{} {}", b"NaN", b'{"a":"\xff"}', b"[" * 100_000])
def test_output_that_is_no_json_stays_text(stdout: bytes) -> None:
    dumped = json.loads(ExecCollection({"a": [result(stdout=stdout)]}).dump("json"))
    assert dumped["a"][0]["stdout"] == stdout.decode(errors="replace")


@given(st.binary())
def test_any_output_can_be_dumped(stdout: bytes) -> None:
    collection = ExecCollection({"a": [result(stdout=stdout, stderr=stdout)]})
    assert list(json.loads(collection.dump("json"))) == ["a"]
    assert collection.dump("plain").startswith("Node: a\n")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(InvalidValueError, match="choose one of plain, json"):
        ExecCollection().dump("yaml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_collection_is_read_by_container() -> None:
    made = result()
    collection = ExecCollection({"a": [made]})
    assert (list(collection), len(collection), collection["a"]) == (["a"], 1, (made,))
    assert repr(collection).startswith("ExecCollection({'a': [ExecResult(")
    with pytest.raises(KeyError):
        collection["b"]
    assert ExecCollection().dump() == ""
