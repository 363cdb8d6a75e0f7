"""The ordinary user who runs a rootless engine: an account of the engine's room, unknown to the host.

Its numbers are far from those that hosts give to people and their namespaces. All that it owns lies in the engine's
directory; it is known to the room's own /etc, and is given the devices that the room's own /dev has for everybody.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.engines.errors import EngineSetupError

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME: Final = "clab"
UID: Final = 1_900_000_000
_FIRST_SUBORDINATE, _SUBORDINATES = UID + 100_000, 65_536

FILES: Final[Mapping[str, str]] = {
    "group": f"root:x:0:\nnogroup:x:65534:\n{NAME}:x:{UID}:\n",
    "passwd": "root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
    f"{NAME}:x:{UID}:{UID}::/nonexistent:/bin/bash\n",
    "subgid": f"{NAME}:{_FIRST_SUBORDINATE}:{_SUBORDINATES}\n",
    "subuid": f"{NAME}:{_FIRST_SUBORDINATE}:{_SUBORDINATES}\n",
}
"""What the room's /etc says of the user."""

_OWNED = ("data", "home", "networks", "run", "tmp", "u")


def runtime_directory(directory: Path) -> Path:
    """Return the user's XDG_RUNTIME_DIR: a short one, see daemons.check."""
    return directory / "u"


def home(directory: Path) -> Path:
    """Return the user's home."""
    return directory / "home"


def environment(directory: Path) -> Mapping[str, str]:
    """Return the variables that a session of the user has besides everybody's."""
    return {"HOME": str(home(directory)), "USER": NAME, "XDG_RUNTIME_DIR": str(runtime_directory(directory))}


def give_directories(directory: Path) -> None:
    """Make the user's directories below the engine's, which the user has to be able to reach."""
    for place in (directory, *directory.parents):
        if not place.stat().st_mode & 0o001:
            raise EngineSetupError(f"a rootless engine can't live in {directory}: {place} is closed to ordinary users")
    for name in _OWNED:
        (directory / name).mkdir(mode=0o700, exist_ok=True)
        os.chown(directory / name, UID, UID)


def become() -> None:
    """Make this process the user's."""
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
