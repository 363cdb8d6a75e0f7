"""A real registry inside an engine's network namespace, on its loopback: Debian's docker-registry, plain HTTP.

It runs in the engine's own room and cgroup, with all its files in the engine's directory, so that `down` takes it away
with the engine whatever became of the test that started it. Images are put where it keeps them, as it would itself.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Final

from tests.engines import image, linux, packages
from tests.engines.errors import EngineSetupError
from tests.engines.lifecycle import enter_command
from tests.engines.specs import RegistrySpec

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.engines.state import Engine

USER, PASSWORD = "clab", "correct horse"
_HTPASSWD: Final = "clab:$2b$04$yxjSa6MmzXo.eLo7zDzQWOmAJGFiql0a9nouvDur21i80dPv9r6ZK\n"
"""The same, as bcrypt has it with the least work: the registry knows nothing else."""

MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json"
_CONFIGURATION = "application/vnd.docker.container.image.v1+json"
_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"

_TIME = 10.0
_PROGRAM = "docker-registry"
# The engine's cgroup, where `down` kills what is left: whatever hierarchies there are.
_RUN = 'for file in /sys/fs/cgroup/engine/cgroup.procs /sys/fs/cgroup/*/engine/cgroup.procs; do \
[ ! -e "$file" ] || echo $$ >"$file"; done; exec "$0" serve "$1"'


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """An image as a registry has it: blobs by digest, and the manifest among them that names the others."""

    manifest: str
    layers: tuple[str, ...]
    diff_ids: tuple[str, ...]
    blobs: Mapping[str, bytes]


@cache
def make_image(*sizes: int, label: str = "") -> RegistryImage:
    """Make an image of layers that can't be compressed, each with a file of so many bytes."""
    random = Random(label)
    plain = [image.layer_of(f"file{number}", random.randbytes(size)) for number, size in enumerate(sizes)]
    packed = [gzip.compress(layer, compresslevel=1, mtime=0) for layer in plain]
    diff_ids = [hashlib.sha256(layer).hexdigest() for layer in plain]
    configuration = image.configuration(diff_ids, {"Labels": {"made-for": label}})
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": _described(configuration, _CONFIGURATION),
        "layers": [_described(layer, _LAYER) for layer in packed],
    }
    manifest = json.dumps(document).encode()
    blobs = {_digest(blob): blob for blob in (manifest, configuration, *packed)}
    layers = tuple(_digest(layer) for layer in packed)
    return RegistryImage(_digest(manifest), layers, tuple(f"sha256:{digest}" for digest in diff_ids), blobs)


class Registry:
    """A registry that runs; every request it has answered is in its log."""

    def __init__(self, engine: Engine, *, with_password: bool = False) -> None:
        """Start it on a free port; with a password it knows one user."""
        self._place = engine.directory / f"registry-{secrets.token_hex(3)}"
        self._engine = engine
        self._place.mkdir()
        self._port = _free_port(engine)
        shutil.copy(packages.tree_of(RegistrySpec()) / "root/usr/bin" / _PROGRAM, self._place)
        (self._place / "htpasswd").write_text(_HTPASSWD)
        (self._place / "config.yml").write_text(json.dumps(self._settings(with_password=with_password)))
        self._process = self._start()

    @property
    def address(self) -> str:
        """What its images' names begin with."""
        return f"127.0.0.1:{self._port}"

    def put(self, repository: str, tag: str, made: RegistryImage) -> str:
        """Have an image under a name; return the whole name."""
        root = self._place / "storage/docker/registry/v2"
        for digest, blob in made.blobs.items():
            _write(root / "blobs/sha256" / digest[7:9] / digest[7:] / "data", blob)
            kind = "_manifests/revisions" if digest == made.manifest else "_layers"
            _write(root / "repositories" / repository / kind / "sha256" / digest[7:] / "link", digest.encode())
        named = root / "repositories" / repository / "_manifests/tags" / tag
        _write(named / "current/link", made.manifest.encode())
        _write(named / "index/sha256" / made.manifest[7:] / "link", made.manifest.encode())
        return f"{self.address}/{repository}:{tag}"

    def damage(self, digest: str) -> None:
        """Change a blob, so that it is no longer what its digest says."""
        data = self._place / "storage/docker/registry/v2/blobs/sha256" / digest[7:9] / digest[7:] / "data"
        data.write_bytes(bytes(data.stat().st_size))

    def answered(self, path: str) -> int:
        """Count the requests for a path, a regular expression, that it has answered with success."""
        log = (self._place / "log").read_text()
        return len(re.findall(rf'^\S+ - \S* ?\[.*\] "(?:GET|HEAD) {path} HTTP/1.1" 200 ', log, re.MULTILINE))

    def stop(self) -> None:
        """End it, and remove all it had."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._place)

    def _settings(self, *, with_password: bool) -> Mapping[str, object]:
        settings: dict[str, object] = {
            "version": "0.1",
            "storage": {"filesystem": {"rootdirectory": str(self._place / "storage")}},
            "http": {"addr": self.address, "secret": "none"},
        }
        if with_password:
            settings["auth"] = {"htpasswd": {"realm": "clab", "path": str(self._place / "htpasswd")}}
        return settings

    def _start(self) -> subprocess.Popen[bytes]:
        command = ["/bin/sh", "-c", _RUN, str(self._place / _PROGRAM), str(self._place / "config.yml")]
        with (self._place / "log").open("wb") as log:
            process = subprocess.Popen(
                [*enter_command(self._engine, inside=True), *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + _TIME
        while not self._answers():
            if process.poll() is not None or time.monotonic() > deadline:
                process.kill()
                process.wait()
                raise EngineSetupError(f"the registry does not answer:\n{(self._place / 'log').read_text()[-2000:]}")
            time.sleep(0.01)
        return process

    def _answers(self) -> bool:
        with linux.socket_in(self._engine.netns) as trial:
            return trial.connect_ex(("127.0.0.1", self._port)) == 0


def _free_port(engine: Engine) -> int:
    with linux.socket_in(engine.netns) as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
        return port


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"


def _described(blob: bytes, media_type: str) -> Mapping[str, object]:
    return {"mediaType": media_type, "size": len(blob), "digest": _digest(blob)}


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
