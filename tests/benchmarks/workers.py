"""The parent's side of the competitors' processes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Measured:
    """What a job took, in seconds, and what it returned."""

    wall: float
    cpu: float
    outcome: Any


class Worker:
    """One competitor's process."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, method: str, *arguments: object) -> Measured:
        """Let it do a job, and wait for the outcome."""
        self.begin(method, *arguments)
        return self.finish()

    def begin(self, method: str, *arguments: object) -> None:
        """Let it begin a job; return when its clock runs."""
        if self._process.stdin is None:
            raise RuntimeError("the worker has no input")
        self._process.stdin.write(json.dumps([method, *arguments]) + "\n")
        self._process.stdin.flush()
        self._read()

    def finish(self) -> Measured:
        """Wait for the outcome of the job that was begun."""
        return Measured(**self._read())

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    def _read(self) -> Any:  # noqa: ANN401 - it is JSON
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError(f"{self.name} failed or took too long, status {self._process.wait()}")
        return json.loads(line)


class Workers:
    """All competitors' processes; they end with the `with` block."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = names
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Self:
        for name in self._names:
            self._workers[name] = Worker(name)
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.end()

    def __getitem__(self, name: str) -> Worker:
        return self._workers[name]
