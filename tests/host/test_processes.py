"""Which container a process belongs to, where it has no cgroup of its own."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clab_runtime.host import processes

NAME = "c0ffee" * 8
CHILDREN = "/proc/{0}/task/{0}/children"


@pytest.fixture
def below() -> Iterator[int]:
    """The child of a shell that was called with the name."""
    with subprocess.Popen(["sh", "-c", f"sleep 1000 & echo; wait; : {NAME}"], stdout=-1) as parent:
        assert parent.stdout
        parent.stdout.readline()
        pid = int(Path(CHILDREN.format(parent.pid)).read_text())
        try:
            yield pid
        finally:
            os.kill(pid, signal.SIGKILL)


def test_a_parent_that_ends_while_it_is_looked_at_is_passed_over(below: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ancestors = processes._ancestors  # pyright: ignore[reportPrivateUsage]
    gone = [Path("/proc/gone")]

    def vanishing(process: Path) -> Iterator[Path]:
        if gone:
            yield gone.pop()
        yield from ancestors(process)

    monkeypatch.setattr(processes, "_ancestors", vanishing)
    assert processes.belongs_to(below, NAME)
    assert not gone
    assert not processes.belongs_to(below, "another")


def test_a_process_that_is_not_there_belongs_to_nobody() -> None:
    with pytest.raises(FileNotFoundError):
        processes.belongs_to(2**22 + 1, NAME)
