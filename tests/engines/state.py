"""An engine as its users hold it, and the files in its directory that tell the same to the next process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.engines import cgroups, daemons
from tests.engines.errors import EngineSetupError
from tests.engines.specs import VARIABLES, EngineSpec, Kind, spec_of

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

_LONGEST_PATH = 107  # of a unix socket
_LONGEST_SOCKET = "exec/containerd/containerd.sock.ttrpc"


@dataclass(frozen=True, slots=True)
class Engine:
    """A private engine: ENDPOINT is its unix:// address, DIRECTORY holds all it has."""

    name: str
    kind: Kind
    version: str
    endpoint: str
    directory: Path

    @property
    def socket(self) -> Path:
        return Path(self.endpoint.removeprefix("unix://"))

    @property
    def spec(self) -> EngineSpec:
        return spec_of(self.name)

    @property
    def variable(self) -> str:
        """The environment variable that tells programs where such an engine is."""
        return VARIABLES[self.kind]

    @property
    def rootless(self) -> bool:
        """Whether an ordinary user runs it."""
        return self.spec.rootless

    @property
    def log(self) -> Path:
        """What the engine wrote, from its first start on."""
        return self.directory / "log"

    @property
    def keeper_pid(self) -> int:
        """The process that holds the engine's namespaces, whether the engine itself runs or not."""
        pid = _number_in(self.directory / "keeper.pid")
        if pid is None:
            raise EngineSetupError(f"{self.name} in {self.directory} is not up")
        return pid

    @property
    def pid(self) -> int | None:
        """The engine's own process, None while it is stopped."""
        return _number_in(self.directory / "engine.pid")

    @property
    def netns(self) -> Path:
        """The network namespace the engine lives in, where 127.0.0.1:PORT reaches a published port."""
        return Path(f"/proc/{self.keeper_pid}/ns/net")


@dataclass(frozen=True, slots=True)
class Record:
    """What ``up`` was asked for: the engine's name, where its tree is, and further arguments for the daemon."""

    name: str
    tree: str
    arguments: tuple[str, ...] = ()
    version: str = ""

    def write(self, directory: Path) -> None:
        write_whole(directory / "record.json", json.dumps(asdict(self)))

    @classmethod
    def read(cls, directory: Path) -> Record:
        fields: dict[str, Any] = json.loads((directory / "record.json").read_text())
        return cls(fields["name"], fields["tree"], tuple(fields["arguments"]), fields["version"])

    def engine(self, directory: Path) -> Engine:
        spec = spec_of(self.name)
        socket = daemons.socket(spec, directory)
        return Engine(self.name, spec.kind, self.version, f"unix://{socket}", directory)


def base_directory() -> Path:
    """Return where engines live that were not given a directory: $CLAB_ENGINES_DIR or one in $TMPDIR."""
    return Path(os.environ.get("CLAB_ENGINES_DIR") or Path(tempfile.gettempdir()) / "clab-engines").resolve()


def directory_for(name: str, directory: Path | str | None) -> Path:
    """Return the engine's directory as an absolute path without links, short enough for the sockets in it."""
    place = Path(directory).resolve() if directory else base_directory() / name
    if len(os.fsencode(place / _LONGEST_SOCKET)) > _LONGEST_PATH:
        raise EngineSetupError(f"{place} is too long for the unix sockets an engine makes: give a shorter directory")
    return place


def keeper_of(directory: Path) -> int | None:
    """Return the live process that holds the namespaces of the engine in DIRECTORY."""
    pid = _number_in(directory / "keeper.pid")
    return pid if pid in cgroups.processes(cgroups.name_for(directory)) else None


def write_whole(path: Path, text: str) -> None:
    """Write a file that no reader can see half of."""
    temporary = path.with_suffix(".new")
    temporary.write_text(text)
    temporary.rename(path)


def _number_in(path: Path) -> int | None:
    """Read a file that another process may remove at any moment."""
    try:
        return int(path.read_text())
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def locked(directory: Path) -> Generator[None]:
    """Hold the engine's directory, made if need be, against every other process that starts or stops it."""
    while True:
        directory.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(descriptor, directory):  # not removed by the one who held it before
                yield
                return
        finally:
            os.close(descriptor)


def _is_still(descriptor: int, directory: Path) -> bool:
    return directory.exists() and os.path.samestat(os.fstat(descriptor), directory.stat())


def is_engines(directory: Path) -> bool:
    """Tell whether DIRECTORY is an engine's (or one in the making), and not somebody's files."""
    return (directory / "record.json").exists() or not any(directory.iterdir())


def empty_directory(directory: Path) -> None:
    """Delete all files of the engine, its record last."""
    for entry in directory.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != "record.json":
            entry.unlink()
    (directory / "record.json").unlink(missing_ok=True)


def remove_directory(directory: Path) -> None:
    """Remove the engine's empty directory, and the one of all engines when this was the last."""
    directory.rmdir()
    if directory.parent == base_directory():
        with contextlib.suppress(OSError):
            directory.parent.rmdir()


def known_directories() -> Sequence[Path]:
    """Return the directories of all engines below the default place."""
    base = base_directory()
    return sorted(path for path in base.iterdir() if path.is_dir()) if base.exists() else ()
