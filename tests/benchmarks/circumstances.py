"""What the figures depend on: versions, the engine, the machine, the day."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

_PACKAGES = ("clab-runtime", "aiodocker", "docker", "aiohttp", "anyio", "httptools", "httpx", "msgspec", "requests")


def circumstances(engine: dict[str, Any], repetitions: int, limit: str) -> dict[str, object]:
    """Return what belongs to the figures; `engine` is its own answer to GET /version."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "repetitions": repetitions,
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "engine": f"Docker {engine['Version']}",
        "engine_api": engine["ApiVersion"],
        "versions": {name: _version(name) for name in _PACKAGES} | {"curl": _first_line("curl", "--version")},
        "commit": _first_line("git", "describe", "--always", "--dirty"),
        "logs.limit": limit,
    }


def sentence(about: dict[str, Any]) -> str:
    """Say the most important of it, to stand under a table."""
    versions = about["versions"]
    return (
        f"Medians of {about['repetitions']} repetitions (inspect: three times as many) on {about['date'][:10]}, "
        f"{about['engine']}, {about['python']}, {about['cores']} cores; aiodocker {versions['aiodocker']}, "
        f"docker-py {versions['docker']}. In brackets: ours divided by theirs."
    )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _first_line(name: str, *arguments: str) -> str | None:
    """Return the first line that a program writes; None without the program."""
    if not (program := shutil.which(name)):
        return None
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0] or None
