"""Starting and stopping private engines: the functions tests use."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import cleanup, daemons, http, image, linux, mounts, packages, state, user
from tests.engines.errors import EngineSetupError
from tests.engines.specs import spec_of
from tests.engines.state import Engine, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_START_TIMEOUT = 90.0
_STOP_TIMEOUT = 30.0
_LOG_LINES = 30


def up(name: str, directory: Path | str | None = None, *, arguments: Sequence[str] = ()) -> Engine:
    """Start the engine NAME, or return the one that runs in DIRECTORY; ARGUMENTS are added to the daemon's own."""
    spec = spec_of(name)
    place = state.directory_for(name, directory)
    running = _running_in(place)
    if running:
        return _same(running, name)
    linux.require_rights()
    tree = packages.tree_of(spec)
    with state.locked(place):
        running = _running_in(place)
        if running:
            return _same(running, name)
        if any(place.iterdir()):  # a dead engine's
            cleanup.remove_everything(place)
        return _start_new(Record(name, str(tree), tuple(arguments)), place)


def down(engine: Engine | Path | str) -> None:
    """Stop the engine with all it runs and remove every trace; it may be running, killed, or not there at all."""
    place = _directory_of(engine)
    if not place.exists():
        return
    linux.require_rights()
    with state.locked(place):
        running = _running_in(place)
        if running:
            cleanup.remove_containers(running)
        cleanup.remove_everything(place)
        state.remove_directory(place)


def find(engine: Engine | Path | str) -> Engine | None:
    """Return the engine of that name or directory if it is up (its daemon may be stopped)."""
    place = _directory_of(engine)
    if (place / "record.json").exists() and state.keeper_of(place):
        return Record.read(place).engine(place)
    return None


def found() -> list[Engine]:
    """Return all engines that are up in the default place."""
    engines = (find(place) for place in state.known_directories())
    return [engine for engine in engines if engine]


def answers(engine: Engine) -> bool:
    """Tell whether the engine answers now."""
    return http.answers(engine.socket)


def stop(engine: Engine) -> None:
    """End the daemon with SIGTERM and wait for it; namespaces, state and (on Podman) containers stay."""
    group = engine.pid
    _end(engine, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT
    while answers(engine):
        if time.monotonic() > deadline:
            raise EngineSetupError(f"{engine.name} still answers {_STOP_TIMEOUT:.0f} s after its end")
        if engine.rootless and group:  # the process that it began as may end without a word to the one that listens
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        time.sleep(0.1)


def kill(engine: Engine) -> None:
    """End the daemon with SIGKILL and wait for it; namespaces, state and running containers stay."""
    group = engine.pid
    _end(engine, signal.SIGKILL)
    if engine.rootless and group:
        _kill_group(group)


def start(engine: Engine) -> None:
    """Start the daemon again on the state it left, and wait until it answers."""
    (engine.directory / "engine.exit").unlink(missing_ok=True)
    os.kill(engine.keeper_pid, signal.SIGUSR1)
    _wait_until_it_answers(engine)


def restart(engine: Engine, *, by: signal.Signals = signal.SIGTERM) -> None:
    """End the daemon, with SIGTERM or SIGKILL, and start it again on the same socket and data."""
    (kill if by is signal.SIGKILL else stop)(engine)
    start(engine)


def enter_command(engine: Engine, *, inside: bool = False, as_user: bool = False) -> list[str]:
    """Return what to put before a command to run it in the engine's network namespace.

    With INSIDE the command also sees the engine's root: its programs (ip, nft, podman) and its file system. AS_USER it
    is run as the engine itself is, by the same user with the same variables.
    """
    namespaces = ["--net", *(["--mount", "--cgroup"] if inside else [])]
    account = [f"--setuid={user.UID}", f"--setgid={user.UID}"] if as_user and engine.rootless else []
    settings = [f"{name}={value}" for name, value in _variables(engine).items()] if as_user else []
    return [
        "nsenter",
        f"--target={engine.keeper_pid}",
        *namespaces,
        *account,
        "--",
        *(["env"] if as_user else []),
        *settings,
    ]


def _variables(engine: Engine) -> Mapping[str, str]:
    """Return those of the engine's user; a rootless podman goes to the engine, for only there it is in its cgroup."""
    own = daemons.environment(engine.spec, engine.directory)
    return {**own, engine.variable: engine.endpoint} if engine.rootless else own


def _directory_of(engine: Engine | Path | str) -> Path:
    if isinstance(engine, Engine):
        return engine.directory
    by_name = isinstance(engine, str) and "/" not in engine
    return state.directory_for(str(engine), None if by_name else engine)


def _running_in(place: Path) -> Engine | None:
    if not (place / "record.json").exists():
        return None
    engine = Record.read(place).engine(place)
    return engine if engine.version and state.keeper_of(place) and answers(engine) else None


def _same(engine: Engine, name: str) -> Engine:
    if engine.name != name:
        raise EngineSetupError(f"{engine.directory} has {engine.name}, not {name}")
    return engine


def _start_new(record: Record, place: Path) -> Engine:
    record.write(place)
    engine = record.engine(place)
    try:
        _make_room(engine)
        _wait_until_it_answers(engine)
        version = str(http.call_json(engine.socket, "GET", "/version")["Version"])
        _load_image(engine, Path(record.tree) / "busybox.tar")
    except BaseException:
        cleanup.remove_everything(place)
        state.remove_directory(place)
        raise
    replace(record, version=version).write(place)
    return replace(engine, version=version)


def _make_room(engine: Engine) -> None:
    daemons.check(engine.spec, engine.directory)
    mounts.note_run_netns()
    for name in ("exec", "run", "tmp", "networks"):
        (engine.directory / name).mkdir()
    if engine.rootless:
        user.give_directories(engine.directory)
    shared = daemons.netns_directory(engine.spec, engine.directory)
    if shared is None:
        _spawn_keeper(engine)
    elif shared == mounts.RUN_NETNS:
        with mounts.run_netns_shared():
            _spawn_keeper(engine)
    else:
        mounts.share(shared)
        _spawn_keeper(engine)


def _spawn_keeper(engine: Engine) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tests.engines.keeper", str(engine.directory)]
    with engine.log.open("ab") as log:
        result = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            check=False,
        )
    if result.returncode != 0:
        raise _failure(engine, "could not be given its namespaces")


def _wait_until_it_answers(engine: Engine) -> None:
    deadline = time.monotonic() + _START_TIMEOUT
    while not answers(engine):
        if (engine.directory / "engine.exit").exists():
            raise _failure(engine, "ended at once")
        if time.monotonic() > deadline:
            raise _failure(engine, f"does not answer after {_START_TIMEOUT:.0f} s")
        time.sleep(0.05)


def _failure(engine: Engine, problem: str) -> EngineSetupError:
    lines = engine.log.read_text(errors="replace").splitlines()[-_LOG_LINES:]
    return EngineSetupError("\n".join([f"{engine.name} {problem}; the end of its log:", *lines]))


def _load_image(engine: Engine, archive: Path) -> None:
    answer = http.call(engine.socket, "POST", "/v1.41/images/load", archive.read_bytes())
    if b"Loaded image" not in answer:
        raise EngineSetupError(f"{engine.name} did not load {image.NAME}: {answer.decode(errors='replace')}")


def _kill_group(group: int) -> None:
    """Kill what a rootless podman has made of itself in its namespaces, which does not end with the one it began as."""
    deadline = time.monotonic() + _STOP_TIMEOUT
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.02)


def _end(engine: Engine, number: signal.Signals) -> None:
    pid = engine.pid
    if pid is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    deadline = time.monotonic() + _STOP_TIMEOUT
    while engine.pid is not None:
        if time.monotonic() > deadline:
            raise EngineSetupError(f"{engine.name} (process {pid}) did not end in {_STOP_TIMEOUT:.0f} s")
        time.sleep(0.02)
