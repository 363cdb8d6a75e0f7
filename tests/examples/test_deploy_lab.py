"""examples/deploy_lab.py as a user runs it: a program of its own, on a real engine, that leaves nothing there."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.engines import Engine
from tests.examples.programs import TIME, Terminal, environment

SCRIPT = Path(__file__).parents[2] / "examples" / "deploy_lab.py"
ROW = re.compile(
    r"^clab-(?P<lab>\S+)-n(?P<number>\d+) +running +(?P<pid>\d+) +198\.18\.\d+\.(?P<host>\d+)/24 +fd[0-9a-f:]+/64$",
    re.MULTILINE,
)
HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


PODMAN = ("--runtime", "podman")
EVENTS = ("create", "start", "exec_die")
OF_THE_END = ("kill", "die", "destroy")
"""Events that Podman tells when it has answered already: the example may have ended by then."""


def deploy(endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the example to its end."""
    return subprocess.run(
        [sys.executable, SCRIPT, "--seconds", "0.5", *arguments],
        env=environment(endpoint),
        capture_output=True,
        text=True,
        timeout=TIME,
        check=False,
    )


@contextmanager
def deploying(endpoint: str, *arguments: str) -> Generator[subprocess.Popen[str]]:
    """Run the example meanwhile."""
    with subprocess.Popen(
        [sys.executable, SCRIPT, *arguments],
        env=environment(endpoint),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.terminate()  # which removes the lab, if it is still there


def read_until(process: subprocess.Popen[str], words: str) -> None:
    """Read the output up to a line with the words in it."""
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"the output ended without {words!r}")


# ---------------------------------------------------------------- a lab from beginning to end


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_deploys_a_lab_shows_every_node_and_removes_all(docker_engine: Engine, backend: str) -> None:
    done = deploy(docker_engine.endpoint, "--nodes", "4", "--name", "whole", "--backend", backend)
    see_all_done(done, *EVENTS, *OF_THE_END)


def test_deploys_a_lab_on_podman_as_on_docker(podman_engine: Engine) -> None:
    see_all_done(deploy(podman_engine.endpoint, "--nodes", "4", "--name", "whole", *PODMAN), *EVENTS)


def see_all_done(done: subprocess.CompletedProcess[str], *events: str) -> None:
    """Look at all that was said of a lab of four nodes."""
    assert (done.returncode, done.stderr) == (0, "")
    rows = [row.groupdict() for row in ROW.finditer(done.stdout)]
    assert [(row["lab"], row["number"]) for row in rows] == [("whole", str(number)) for number in (1, 2, 3, 4)]
    assert len({row["host"] for row in rows}) == len({row["pid"] for row in rows}) == 4
    for name in ("n1", "n2", "n3", "n4"):
        assert re.search(rf"{name} +log: {name} is up$", done.stdout, re.MULTILINE)
        for event in events:
            assert re.search(rf"{name} +event: {event}$", done.stdout, re.MULTILINE), (name, event)
        assert re.search(rf"{name} +command ok$", done.stdout, re.MULTILINE)
    assert re.search(r"^removed 4 containers and network clab-whole-\S+ in ", done.stdout, re.MULTILINE)
    assert "\x1b" not in done.stdout
    before_the_first_answer, _, _ = done.stdout.partition("starting\n")
    assert len(re.findall(r"n\d +creating$", before_the_first_answer, re.MULTILINE)) == 4  # at once


# ---------------------------------------------------------------- interrupted


@pytest.mark.parametrize(
    ("moment", "backend"),
    [
        ("making network", "asyncio"),
        ("creating", "asyncio"),
        ("event: create", "trio"),
        ("starting", "asyncio"),
        ("event: start", "trio"),
        ("running ip", "asyncio"),
        ("removing everything", "trio"),
    ],
)
def test_an_interrupt_at_any_moment_leaves_nothing(docker_engine: Engine, moment: str, backend: str) -> None:
    interrupt(docker_engine, moment, "--backend", backend)


def test_an_interrupt_on_podman_leaves_nothing(podman_engine: Engine) -> None:
    interrupt(podman_engine, "starting", *PODMAN)


def interrupt(engine: Engine, moment: str, *more: str) -> None:
    """Interrupt the example when it has come so far, and see it end well."""
    arguments = ("--nodes", "3", "--name", "stopped", "--seconds", "0", *more)
    with deploying(engine.endpoint, *arguments) as process:
        read_until(process, moment)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=TIME)
    assert (process.returncode, errors) == (130, "")
    assert "interrupted: removing what was made\n" in output
    assert re.search(r"^removed \d+ containers", output, re.MULTILINE)


def test_more_interrupts_do_not_stop_the_clean_up(docker_engine: Engine) -> None:
    with deploying(docker_engine.endpoint, "--nodes", "4", "--name", "impatient") as process:
        read_until(process, "event: start")
        for _ in range(10):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        output, errors = process.communicate(timeout=TIME)
    assert (process.returncode, errors) == (130, "")
    assert "still removing what was made\n" in output
    assert re.search(r"^removed 4 containers", output, re.MULTILINE)


def test_a_request_to_end_is_like_an_interrupt(docker_engine: Engine) -> None:
    with deploying(docker_engine.endpoint, "--nodes", "2", "--name", "ended") as process:
        read_until(process, "event: create")
        process.terminate()
        output, errors = process.communicate(timeout=TIME)
    assert (process.returncode, errors) == (128 + signal.SIGTERM, "")
    assert re.search(r"^removed \d containers and network", output, re.MULTILINE)


def test_a_reader_that_goes_away_is_no_reason_to_leave_a_lab_behind(docker_engine: Engine) -> None:
    with deploying(docker_engine.endpoint, "--nodes", "2", "--name", "piped", "--seconds", "0") as process:
        read_until(process, "creating")
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(TIME) == 0


# ---------------------------------------------------------------- what goes wrong


def test_an_engine_that_is_not_there(tmp_path: Path) -> None:
    socket = tmp_path / "docker.sock"
    done = deploy(f"unix://{socket}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: unix://{socket}: there is no such socket")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--image", "localhost:1/missing:1"],
            r"image localhost:1/missing:1 is not on the engine, and can't be pulled: ",
        ),
        (["--cmd", "sh -c 'echo farewell; exit 3'"], r"'clab-broken-n[12]' is not running, exit code 3(.*\n)+farewell"),
        (["--cmd", "sh -c 'sleep 1; exit 3'", "--seconds", "9"], r"'clab-broken-n[12]' is not running, exit code 3"),
        (
            ["--cmd", "there-is-no-such-program"],
            r"/containers/clab-broken-n[12]/start: .* \"there-is-no-such-program\"",
        ),
        (["--exec", "sh -c 'echo oops >&2; exit 5'"], r"node n[12]: sh -c .* has exit code 5: oops$"),
        (["--ipv4-subnet", "172.17.0.0/24"], r"network 'clab-broken-\w+' .* overlaps \S+ of network 'bridge'"),
        (["--ipv4-subnet", "nonsense"], r"ipv4-subnet: 'nonsense' is not valid"),
        (["--runtime", "nonesuch"], r"runtime: 'nonesuch' is not valid; choose one of docker"),
    ],
)
def test_a_failure_is_told_in_a_few_lines_and_leaves_nothing(
    docker_engine: Engine, arguments: list[str], words: str
) -> None:
    done = deploy(docker_engine.endpoint, "--nodes", "2", "--name", "broken", *arguments)
    assert done.returncode == 1
    assert re.match("error: .*" + words, done.stderr, re.MULTILINE), done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 6


def test_a_lab_that_exists_is_left_alone(docker_engine: Engine) -> None:
    with deploying(docker_engine.endpoint, "--nodes", "1", "--name", "twice", "--seconds", "30") as first:
        read_until(first, "following")
        second = deploy(docker_engine.endpoint, "--nodes", "1", "--name", "twice")
        assert second.returncode == 1
        assert second.stderr.startswith("error: a lab called 'twice' exists already (clab-twice-n1)")
        first.send_signal(signal.SIGINT)
        output, _ = first.communicate(timeout=TIME)
    assert "removed 1 containers and network" in output  # the second has taken nothing away


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nodes", "0"],
        ["--name", "a b"],
        ["--backend", "twisted"],
        ["--seconds", "-1"],
        ["--exec", ""],
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    done = deploy(f"unix://{tmp_path}/never-asked", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "deploy_lab.py: error: " in done.stderr


# ---------------------------------------------------------------- on a terminal


def on_terminal(endpoint: str, *arguments: str, **variables: str) -> Terminal:
    """Run the example on a terminal of its own."""
    return Terminal(SCRIPT, endpoint, *arguments, **{"TERM": "xterm", "COLUMNS": "70", "LINES": "12"} | variables)


def test_a_terminal_shows_the_nodes_in_place(docker_engine: Engine) -> None:
    terminal = on_terminal(docker_engine.endpoint, "--nodes", "3", "--name", "shown", "--seconds", "0.3")
    assert terminal.wait() == 0
    output = terminal.output
    assert output.startswith(HIDE_CURSOR)
    assert output.count(HIDE_CURSOR) == output.count(SHOW_CURSOR) == 1
    assert output.endswith(f"\x1b[4F\x1b[J{SHOW_CURSOR}")  # the block of four lines is gone
    frames = output.split("\x1b[?7l")[1:]
    assert len(frames) > 10
    assert all(frame.count("\x1b[K\r\n") == 4 for frame in frames)
    plain = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", output).replace("\r\n", "\n")
    assert len(ROW.findall(plain)) == 3
    assert re.search(r"^  n2  command ok    exec_die     n2 is up$", plain, re.MULTILINE)
    assert "\x1b[32m  running" in output


def test_a_small_terminal_without_colour(docker_engine: Engine) -> None:
    terminal = on_terminal(
        docker_engine.endpoint,
        *("--nodes", "4", "--name", "small", "--seconds", "0"),
        NO_COLOR="1",
        COLUMNS="30",
        LINES="6",
    )
    assert terminal.wait() == 0
    frames = [frame.partition("\x1b[J")[0] for frame in terminal.output.split("\x1b[?7l")[1:]]
    lines = [frame.replace("\x1b[K", "").splitlines() for frame in frames]
    assert all(len(frame) == 4 and max(map(len, frame)) <= 30 for frame in lines)
    assert lines[-1][-1] == "  ... and 2 more"
    assert not re.search(r"\x1b\[\d+m", terminal.output)


def test_ctrl_c_on_a_terminal_gives_the_cursor_back(docker_engine: Engine) -> None:
    terminal = on_terminal(docker_engine.endpoint, "--nodes", "3", "--name", "stopped")
    terminal.read_until(lambda output: "n1 is up" in output)
    terminal.press(b"\x03")
    assert terminal.wait() == 130
    assert "interrupted: removing what was made" in terminal.output
    assert "removed 3 containers and network" in terminal.output
    assert terminal.output.endswith(SHOW_CURSOR)


def test_a_terminal_that_can_do_nothing_gets_plain_lines(docker_engine: Engine) -> None:
    terminal = on_terminal(docker_engine.endpoint, "--nodes", "1", "--name", "dumb", "--seconds", "0", TERM="dumb")
    assert terminal.wait() == 0
    assert "\x1b" not in terminal.output
