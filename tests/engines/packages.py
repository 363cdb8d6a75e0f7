"""An engine's programs: a directory tree of unpacked Debian packages, in a cache. Nothing is installed on the host.

apt downloads the packages of the engine's suite and all they depend on, with the host's mirror and archive keys but
lists, status and cache of its own; dpkg-deb unpacks them; the little that package scripts would have done is done here.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from tests.engines import image
from tests.engines.errors import EngineSetupError

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.engines.specs import TreeSpec

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_RECIPE = 1  # count up when the tree is made in another way
_NOT_UNPACKED = ("./usr/share/doc", "./usr/share/locale", "./usr/share/man")
_FILES = {
    "etc/group": "root:x:0:\nnogroup:x:65534:\n",
    "etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
    "etc/resolv.conf": "",
}
_DIRECTORIES = ("dev", "proc", "root", "run", "sys", "tmp", "usr/lib/modules", "var/lib")
_IPTABLES = ("iptables", "iptables-restore", "iptables-save", "ip6tables", "ip6tables-restore", "ip6tables-save")


def cache_directory() -> Path:
    """Return where trees are kept: $CLAB_ENGINES_CACHE or /var/cache/clab-engines."""
    return Path(os.environ.get("CLAB_ENGINES_CACHE") or "/var/cache/clab-engines")


def tree_of(spec: TreeSpec) -> Path:
    """Return the directory with SPEC's programs (``root``) and image (``busybox.tar``); make it if need be."""
    place = cache_directory() / spec.name
    if not _is_ready(place, spec):
        with _locked(place.with_name(f"{spec.name}.lock")):
            if not _is_ready(place, spec):
                _make(place, spec)
    return place


def _is_ready(place: Path, spec: TreeSpec) -> bool:
    ready = place / "ready"
    return ready.exists() and ready.read_text() == _fingerprint(spec)


def _fingerprint(spec: TreeSpec) -> str:
    return hashlib.sha256(repr((_RECIPE, spec.suite, spec.packages)).encode()).hexdigest()


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(place: Path, spec: TreeSpec) -> None:
    started = time.monotonic()
    print(f"{spec.name}: fetching it from Debian {spec.suite} into {place}", file=sys.stderr, flush=True)
    shutil.rmtree(place, ignore_errors=True)
    root = place / "root"
    _download(place / "apt", spec)
    archives = sorted((place / "apt/archives").glob("*.deb"))
    _check_version(archives, spec)
    _unpack(archives, root)
    _finish(root)
    image.write(root, place / "busybox.tar")
    (place / "packages").write_text("".join(f"{archive.stem}\n" for archive in archives))
    shutil.rmtree(place / "apt")
    (place / "ready").write_text(_fingerprint(spec))
    print(f"{spec.name}: fetched in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _download(work: Path, spec: TreeSpec) -> None:
    if not _KEYRING.exists():
        raise EngineSetupError(f"{_KEYRING} is missing: apt-get install debian-archive-keyring")
    for directory in ("lists/partial", "archives/partial"):
        (work / directory).mkdir(parents=True)
    (work / "status").touch()
    (work / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {spec.suite} main\n")
    (work / "apt.conf").write_text(_apt_configuration(work))
    _apt(work, spec, "update", "--error-on=any")
    _apt(work, spec, "install", "--download-only", "--yes", *spec.packages)


def _apt_configuration(work: Path) -> str:
    return f"""
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
Dir::Etc::SourceList "{work}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d";
Dir::State "{work}";
Dir::State::Lists "{work}/lists";
Dir::State::status "{work}/status";
Dir::Cache "{work}";
Dir::Cache::Archives "{work}/archives";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Architecture "{_architecture()}";
APT::Architectures "{_architecture()}";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
APT::Keep-Downloaded-Packages "true";
Debug::NoLocking "true";
"""


def _apt(work: Path, spec: TreeSpec, *arguments: str) -> None:
    command = ["apt-get", f"--config-file={work}/apt.conf", "--quiet=2", *arguments]
    result = _run(command)
    if result.returncode == 0:
        return
    if "NO_PUBKEY" in result.stdout:
        raise EngineSetupError(
            f"{_KEYRING} is too old for {spec.suite}: install a newer debian-archive-keyring package\n{result.stdout}"
        )
    raise EngineSetupError(f"apt-get {arguments[0]} for {spec.name} failed:\n{result.stdout[-2000:]}")


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    try:
        return subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        raise EngineSetupError(f"{command[0]} is missing: private engines are fetched on Debian hosts only") from None


def _architecture() -> str:
    return _run(["dpkg", "--print-architecture"]).stdout.strip()


def _mirror() -> str:
    """Return where the host's own apt looks for Debian."""
    listed = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).stdout.split()
    mirrors = [uri for uri in listed if re.search(r"/debian/?$", uri)] or [uri for uri in listed if "debian" in uri]
    if not mirrors:
        raise EngineSetupError("the host's apt sources name no Debian mirror")
    return mirrors[0]


def _check_version(archives: list[Path], spec: TreeSpec) -> None:
    versions = [archive.name.split("_")[1] for archive in archives if archive.name.startswith(f"{spec.main_package}_")]
    if not any(version.startswith(f"{spec.series}.") for version in versions):
        raise EngineSetupError(f"Debian {spec.suite} now has {spec.main_package} {versions}, which is not {spec.name}")


def _unpack(archives: list[Path], root: Path) -> None:
    for directory in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / directory).mkdir(parents=True)
        (root / directory).symlink_to(f"usr/{directory}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_unpack_one, archives, repeat(root)))  # list: for the exceptions


def _unpack_one(archive: Path, root: Path) -> None:
    exclude = [f"--exclude={path}" for path in _NOT_UNPACKED]
    tar = ["tar", "--extract", "--keep-directory-symlink", *exclude, "--directory", str(root)]
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as reader:
        subprocess.run(tar, stdin=reader.stdout, check=True)
    if reader.returncode != 0:
        raise EngineSetupError(f"dpkg-deb cannot unpack {archive.name}")


def _finish(root: Path) -> None:
    for directory in _DIRECTORIES:
        (root / directory).mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        (root / name).write_text(text)
    for name in _IPTABLES:
        if not (root / "usr/sbin" / name).is_symlink():
            (root / "usr/sbin" / name).symlink_to("xtables-nft-multi")
