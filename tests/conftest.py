"""What all tests share: the event loops, the real engines, and the proof that nothing is left behind."""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from inspect import iscoroutinefunction
from itertools import cycle
from pathlib import Path
from types import FrameType
from typing import TypeAlias
from urllib.parse import quote
from zlib import crc32

import anyio
import coverage
import pytest
from _pytest.mark import ParameterSet
from anyio.lowlevel import checkpoint

from clab_runtime.engine.client import EngineClient
from tests.engines import Engine, EngineSetupError, answers, down, start, up
from tests.engines.http import call, call_json
from tests.matrix import ENGINE, Matrix

BACKENDS: dict[str, tuple[str, dict[str, bool]]] = {
    "asyncio": ("asyncio", {"use_uvloop": False}),
    "trio": ("trio", {}),
    "uvloop": ("asyncio", {"use_uvloop": True}),
}
BY_TURNS = os.environ.get("CLAB_TURNS") == "1"
"""Whether tests run on each engine, and in all on each event loop, but not on every pair: where no engine is named."""
ENGINE_NAMES = os.environ.get("ENGINES", "docker-20.10 podman-4.3").split()
ROOTLESS = "-rootless"
"""How the names of engines end that an ordinary user runs."""
NO_ENGINE = "ENGINES names none of the kind that this is about"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

PREDEFINED = {"docker": {"bridge", "host", "none"}, "podman": {"bridge", "podman"}}
"""Networks that an engine makes by itself, anew when it starts; Podman's one has two names."""

Left: TypeAlias = dict[str, set[str]]
NoLeaks: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]

interrupted: list[bool] = []

SETTLE = 5.0
"""Seconds that an engine, or the event loop, gets to finish what goes on behind a call's back."""


FIGURES = "figures"
"""The user property, `record_property(FIGURES, "...")`, that is shown at the end of a run."""

TEST_TIME = 150.0
"""Seconds that an async test may take. It is then cancelled in its own event loop and fails; pytest-timeout, which ends
the whole run, is for what holds out against that."""


COVERING = ("tests/engine/", "tests/streams/")
"""The tests by which the coverage of `clab_runtime/engine` is held. Others are not watched: that doubles their time."""

# ---------------------------------------------------------------- event loops


@pytest.fixture(scope="module", autouse=True)
def _watched_only_where_it_counts(request: pytest.FixtureRequest) -> Generator[None]:
    """Stop measuring coverage, where it is measured at all, in modules of tests that don't count for it."""
    watch = coverage.Coverage.current()
    if watch is None or request.node.nodeid.startswith(COVERING):
        yield
        return
    watch.stop()
    yield
    watch.start()


def pytest_configure(config: pytest.Config) -> None:
    """Have the README's table made of what the tests prove, and no coverage measured of programs that tests start."""
    config.pluginmanager.register(Matrix(), "matrix")
    if not config.getoption("numprocesses", None):  # or it is this process that starts the ones that run the tests
        os.environ.pop("COVERAGE_PROCESS_CONFIG", None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show the figures that tests have recorded."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == FIGURES:
                terminalreporter.write_line(f"{report.nodeid.rpartition('[')[2].rstrip(']')}: {value}")


def pytest_keyboard_interrupt() -> None:
    """Note it: a test that was interrupted need not have cleaned up."""
    interrupted.append(True)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what is async on every backend, and what wants an engine on every engine that ENGINES names."""
    with_uvloop = metafunc.definition.get_closest_marker("uvloop") is not None
    if BY_TURNS and not with_uvloop and {"anyio_backend", "engine"} <= set(metafunc.fixturenames):
        metafunc.parametrize(("anyio_backend", "engine"), _turns_of(metafunc.definition), indirect=True)
        return
    if "anyio_backend" in metafunc.fixturenames:
        names = [name for name in BACKENDS if name != "uvloop" or with_uvloop]
        metafunc.parametrize("anyio_backend", [BACKENDS[name] for name in names], ids=names, indirect=True)
    for fixture, kind in (("engine", ""), ("docker_engine", "docker-"), ("podman_engine", "podman-")):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, _engines_for(metafunc.definition, kind), indirect=True)


def _turns_of(test: pytest.Item) -> list[ParameterSet]:
    """Run a test on every engine, and on the event loops in turn; which one comes first is up to the test's name."""
    loops = cycle(("asyncio", "trio"))
    if crc32(test.name.encode()) % 2:
        next(loops)
    return [
        pytest.param(BACKENDS[loop], *engine.values, id=f"{loop}-{engine.id}", marks=engine.marks)
        for engine, loop in zip(_engines_for(test, ""), loops, strict=False)
    ]


def _engines_for(test: pytest.Item, kind: str) -> list[ParameterSet]:
    """Name the engines of a kind that a test is about; where there is none, it is skipped."""
    is_rooted, is_rootless = (test.get_closest_marker(name) is not None for name in ("rooted", "rootless"))
    names = [name for name in ENGINE_NAMES if name.startswith(kind)]
    names = [name for name in names if not (is_rooted if name.endswith(ROOTLESS) else is_rootless)]
    none = pytest.param("", id="none", marks=pytest.mark.skip(reason=NO_ENGINE))
    return [pytest.param(name, id=name) for name in names] or [none]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Give an async test a limit; one that is stopped from outside of its event loop would leave the loop stuck."""
    test = pyfuncitem.obj
    if iscoroutinefunction(test):
        pyfuncitem.obj = _limited(test)
    try:
        return (yield)
    finally:
        pyfuncitem.obj = test


def _limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @wraps(test)
    async def run(**arguments: object) -> None:
        with anyio.fail_after(TEST_TIME):
            await test(**arguments)

    return run


@pytest.fixture(scope="module")
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """The event loop that a test runs on."""
    backend: tuple[str, dict[str, bool]] = request.param
    return backend


# ---------------------------------------------------------------- real engines


def short(name: str) -> str:
    """Shorten an engine's name, for there are engines that take no long directory: `p4.3r` for podman-4.3-rootless."""
    return "".join(word if word[0].isdigit() else word[0] for word in name.split("-"))


class Engines:
    """The private engines of this test session: each is started when the first test asks for it."""

    def __init__(self, directory: Path, worker: str) -> None:
        self._directory = directory
        self._worker = worker
        self._engines: dict[str, Engine | EngineSetupError] = {}

    def get(self, name: str) -> Engine:
        """Start an engine, or return the one that runs; where it can't be, fail in CI and skip elsewhere."""
        if name not in self._engines:
            self._engines[name] = self._up(name)
        engine = self._engines[name]
        if isinstance(engine, EngineSetupError):
            if IN_CI:
                raise engine
            pytest.skip(f"{name}: {engine}")
        if not answers(engine):  # a test that stopped it has failed
            start(engine)
        return engine

    def down(self) -> None:
        """Take all down, whatever becomes of one of them."""
        failures: list[Exception] = []
        for name in self._engines:
            try:
                down(self._place(name))
            except Exception as exc:  # noqa: BLE001 - the others are to go, too
                failures.append(exc)
        if failures:
            raise ExceptionGroup("engines that could not be taken down", failures)

    def _place(self, name: str) -> Path:
        return self._directory / f"{short(name)}{self._worker}"

    def _up(self, name: str) -> Engine | EngineSetupError:
        try:
            return up(name, self._place(name))
        except EngineSetupError as exc:
            return exc


def _interrupt(number: int, _frame: FrameType | None) -> None:
    """Turn a signal that would end pytest on the spot into an interrupt, so that fixtures are torn down."""
    raise KeyboardInterrupt(f"signal {number}")


@pytest.fixture(scope="session")
def engines() -> Generator[Engines]:
    """The engines of the session, where CLAB_ENGINES_DIR says (so that make finds what a crash leaves) or apart."""
    base = os.environ.get("CLAB_ENGINES_DIR")
    directory = Path(base) if base else Path(tempfile.mkdtemp(prefix="clab-"))
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o755)  # the ordinary user of a rootless engine has to get through
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")  # where tests run side by side, each worker has its own engines
    handlers = {number: signal.signal(number, _interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    engines = Engines(directory, worker)
    try:
        yield engines
    finally:
        engines.down()
        if not base:
            shutil.rmtree(directory, ignore_errors=True)
        for number, handler in handlers.items():
            signal.signal(number, handler)


@pytest.fixture
def engine(request: pytest.FixtureRequest, engines: Engines) -> Generator[Engine]:
    """Each engine that ENGINES names; nothing of the test may be left in it."""
    yield from _lent(request, engines)


@pytest.fixture
def docker_engine(request: pytest.FixtureRequest, engines: Engines) -> Generator[Engine]:
    """Each Docker engine that ENGINES names; nothing of the test may be left in it."""
    yield from _lent(request, engines)


@pytest.fixture
def podman_engine(request: pytest.FixtureRequest, engines: Engines) -> Generator[Engine]:
    """Each Podman engine that ENGINES names; nothing of the test may be left in it."""
    yield from _lent(request, engines)


@pytest.fixture
async def client(engine: Engine) -> AsyncGenerator[EngineClient]:
    """A client of its own for the test's engine."""
    async with EngineClient(engine.endpoint) as client:
        yield client


def _lent(request: pytest.FixtureRequest, engines: Engines) -> Generator[Engine]:
    """Lend the engine that the test is to run on, and have its report say which one that is."""
    engine = engines.get(request.param)
    heading = f"{engine.kind.capitalize()} {engine.version}{' (rootless)' if engine.rootless else ''}"
    request.node.user_properties.append((ENGINE, heading))
    yield from _left_as_found(engine)


def _left_as_found(engine: Engine) -> Generator[Engine]:
    """Lend an engine, and fail the test that leaves anything in it; what it left is removed for the next one."""
    before = _contents(engine)
    yield engine
    if interrupted:
        return
    if not answers(engine):
        start(engine)
        pytest.fail(f"the test has left {engine.name} stopped")
    deadline = time.monotonic() + SETTLE
    while any((left := _left(before, _contents(engine))).values()) and time.monotonic() < deadline:
        time.sleep(0.05)  # an engine removes `AutoRemove` containers on its own time and tells nobody
    if any(left.values()):
        _remove(engine, left)
        pytest.fail(f"the test has left in {engine.name}: {left}")


def _left(before: Left, after: Left) -> Left:
    return {kind: after[kind] - before[kind] for kind in after}


def _contents(engine: Engine) -> Left:
    """List what is in an engine, asked for without any of the code under test."""
    containers = call_json(engine.socket, "GET", "/v1.41/containers/json?all=1")
    networks = call_json(engine.socket, "GET", "/v1.41/networks")
    volumes = call_json(engine.socket, "GET", "/v1.41/volumes")["Volumes"]
    images = call_json(engine.socket, "GET", "/v1.41/images/json")
    return {
        "containers": {item["Id"] for item in containers},
        "networks": {item["Id"] for item in networks if item["Name"] not in PREDEFINED[engine.kind]},
        "volumes": {item["Name"] for item in volumes or ()},
        "images": {tag for item in images for tag in item["RepoTags"] or [item["Id"]]},
    }


def _remove(engine: Engine, left: Left) -> None:
    """Remove what a test has left, containers first since they hold the rest."""
    for kind, query in (("containers", "?force=1&v=1"), ("networks", ""), ("volumes", "?force=1"), ("images", "")):
        for name in left[kind]:
            call(engine.socket, "DELETE", f"/v1.41/{kind}/{quote(name, safe='')}{query}")


# ---------------------------------------------------------------- leaks


def open_descriptors() -> dict[str, str]:
    """Return this process's file descriptors and what each one is."""
    found: dict[str, str] = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except FileNotFoundError:  # the one that lists the directory
            continue
    return found


@asynccontextmanager
async def leak_check() -> AsyncGenerator[None]:
    """Fail if there are more file descriptors or tasks at the end than there were at the beginning."""
    descriptors, tasks = open_descriptors(), len(anyio.get_running_tasks())
    yield
    with anyio.move_on_after(SETTLE):
        while len(open_descriptors()) > len(descriptors) or len(anyio.get_running_tasks()) > tasks:
            await checkpoint()
    left = {number: what for number, what in open_descriptors().items() if number not in descriptors}
    assert len(open_descriptors()) <= len(descriptors), f"descriptors left: {left}"
    assert len(anyio.get_running_tasks()) <= tasks, f"tasks left: {anyio.get_running_tasks()}"


@pytest.fixture
def no_leaks() -> NoLeaks:
    """A context manager that fails if file descriptors or tasks are left: `async with no_leaks(): ...`."""
    return leak_check
