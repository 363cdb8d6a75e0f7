"""The image every engine has: busybox:latest, as a docker-archive, the same bytes for the same busybox program.

And what other images are made of.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import tarfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NAME = "busybox:latest"
_CREATED = "2024-01-01T00:00:00Z"
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DIRECTORIES = dict.fromkeys(("bin", "dev", "etc", "home", "proc", "sys", "usr", "var"), 0o755)
_SPECIAL_DIRECTORIES = {"root": 0o700, "tmp": 0o1777}
_FILES = {
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
}


def write(root: Path, target: Path) -> None:
    """Write the archive to TARGET, with the static busybox of the tree at ROOT."""
    program = root / "usr/bin/busybox"
    applets = subprocess.run([program, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    layer = _layer(program.read_bytes(), applets)
    digest = hashlib.sha256(layer).hexdigest()
    content = configuration([digest], {"Cmd": ["sh"], "Env": [_PATH]})
    configuration_name = f"{hashlib.sha256(content).hexdigest()}.json"
    manifest = [{"Config": configuration_name, "RepoTags": [NAME], "Layers": [f"{digest}/layer.tar"]}]
    with target.open("wb") as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, configuration_name, content)
        _add(archive, f"{digest}/layer.tar", layer)
        _add(archive, "manifest.json", json.dumps(manifest).encode())


def _layer(program: bytes, applets: list[str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, mode in (_DIRECTORIES | _SPECIAL_DIRECTORIES).items():
            _add_directory(archive, name, mode)
        _add(archive, "sbin", link="bin")
        _add(archive, "bin/busybox", program, mode=0o755)
        for applet in sorted(set(applets) - {"busybox"}):
            _add(archive, f"bin/{applet}", link="busybox")
        for name, content in _FILES.items():
            _add(archive, name, content)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes = b"", mode: int = 0o644, link: str = "") -> None:
    entry = tarfile.TarInfo(name)
    entry.type = tarfile.SYMTYPE if link else tarfile.REGTYPE
    entry.mode, entry.linkname, entry.size = mode, link, len(content)
    archive.addfile(entry, io.BytesIO(content))


def _add_directory(archive: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    archive.addfile(entry)


def configuration(layers: Sequence[str], settings: Mapping[str, object]) -> bytes:
    """Return an image's configuration, for layers whose unpacked archives have these digests."""
    document = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
        "config": settings,
        "created": _CREATED,
        "history": [{"created": _CREATED, "created_by": "clab_runtime tests"} for _ in layers],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in layers]},
    }
    return json.dumps(document, sort_keys=True).encode()


def layer_of(name: str, content: bytes) -> bytes:
    """Return a layer with one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, name, content)
    return buffer.getvalue()
