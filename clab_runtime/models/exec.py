"""Commands to run in a container, and what came of them."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import msgspec

from clab_runtime.errors import InvalidValueError, not_among
from clab_runtime.models.base import Model, is_list
from clab_runtime.models.given import check_instance, check_text

_SEPARATOR = "\n+++++++++++++++++++++++++++++\n\n"


@dataclass(frozen=True, slots=True, init=False, repr=False)
class ExecCmd:
    """A command: a string is split as a shell does, a sequence is taken as it is.

    `ExecCmd("ip -br addr") == ExecCmd(["ip", "-br", "addr"])`. No shell runs it: for pipes and variables write
    `ExecCmd(["sh", "-c", "..."])`.
    """

    # A dataclass and no struct, because what is given and what is kept differ.
    argv: tuple[str, ...]
    """The program and its arguments."""

    def __init__(self, command: str | Sequence[str]) -> None:
        object.__setattr__(self, "argv", _argv(command))

    def __str__(self) -> str:
        return shlex.join(self.argv)

    def __repr__(self) -> str:
        return f"ExecCmd({str(self)!r})"


def _argv(command: object) -> tuple[str, ...]:
    """Split what needs splitting, and refuse a command without a program."""
    if not (isinstance(command, str) or is_list(command)):
        raise InvalidValueError("command", command, "give text, or a list of words")
    try:
        argv = tuple(shlex.split(command) if isinstance(command, str) else cast("Sequence[str]", command))
    except ValueError as error:
        raise InvalidValueError("command", command, f"quotes have to be closed ({error})") from error
    for word in argv:
        check_text("command", word)
    if not argv or not argv[0]:
        raise InvalidValueError("command", command, "name a program")
    return argv


class ExecResult(Model, frozen=True, kw_only=True):
    """What came of a command: how it ended, and its output byte by byte."""

    command: ExecCmd
    """The command."""
    exit_code: int
    """How it ended; 0 is success."""
    stdout: bytes = b""
    """What it wrote to its standard output."""
    stderr: bytes = b""
    """What it wrote to its standard error."""

    @property
    def ok(self) -> bool:
        """Whether the exit code is 0."""
        return self.exit_code == 0

    @property
    def stdout_text(self) -> str:
        """The standard output as text; what is no UTF-8 is replaced."""
        return self.stdout.decode(errors="replace")

    @property
    def stderr_text(self) -> str:
        """The standard error as text; what is no UTF-8 is replaced."""
        return self.stderr.decode(errors="replace")

    def words(self) -> dict[str, object]:
        """Say it in containerlab's JSON words; output that is JSON is embedded as JSON."""
        stdout = msgspec.Raw(self.stdout) if _is_json(self.stdout) else self.stdout_text
        return {
            "cmd": self.command.argv,
            "return-code": self.exit_code,
            "stdout": stdout,
            "stderr": self.stderr_text,
        }

    def __str__(self) -> str:
        lines = [f"Cmd: {self.command}", f"ReturnCode: {self.exit_code}"]
        lines += [f"Stdout: {self.stdout_text}"] if self.stdout else []
        lines += [f"Stderr: {self.stderr_text}"] if self.stderr else []
        return "\n".join(line.rstrip("\n") for line in lines) + "\n"


def _is_json(data: bytes) -> bool:
    """Tell whether the whole of the data is one JSON value."""
    try:
        msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return False
    return True


class ExecCollection:
    """The results of many commands, by container."""

    def __init__(self, results: Mapping[str, Iterable[ExecResult]] | None = None) -> None:
        self._results: dict[str, list[ExecResult]] = {}
        for name, some in (results or {}).items():
            self.add(name, *some)

    def add(self, container: str, *results: ExecResult) -> None:
        """Append results of a container."""
        check_text("container", container)
        for result in results:
            check_instance("results", result, ExecResult)
        self._results.setdefault(container, []).extend(results)

    def __getitem__(self, container: str) -> Sequence[ExecResult]:
        return tuple(self._results[container])

    def __iter__(self) -> Iterator[str]:
        return iter(self._results)

    def __len__(self) -> int:
        return len(self._results)

    def __repr__(self) -> str:
        return f"ExecCollection({self._results!r})"

    def dump(self, output: Literal["plain", "json"] = "plain") -> str:
        """Write all results, by container's name: as text, or as the JSON that containerlab writes."""
        if output not in {"plain", "json"}:
            raise not_among("output", output, ("plain", "json"))
        return self._json() if output == "json" else self._plain()

    def _json(self) -> str:
        words = {name: [result.words() for result in self._results[name]] for name in sorted(self._results)}
        return msgspec.json.format(msgspec.json.encode(words)).decode()

    def _plain(self) -> str:
        shown = [(name, results) for name, results in sorted(self._results.items()) if results]
        return _SEPARATOR.join(f"Node: {name}\n" + "\n".join(map(str, results)) for name, results in shown)
