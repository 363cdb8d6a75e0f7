"""Names that Podman may take for another container's.

Podman keeps its state in SQLite since 4.5, and where no container has exactly the name that is asked for, it looks for
ids by LIKE, in which `_` stands for any character and `%` for any number of them. So `%` is the only container there
is, and deleting it deletes that.
"""

import re

from clab_runtime.engine.version import EngineInfo
from clab_runtime.errors import InvalidValueError

_PATTERN = re.compile("[0-9a-fA-F]*[_%][0-9a-fA-F_%]*")
_IN_PATH = re.compile("(?:/libpod)?/containers/((?:[0-9a-fA-F_]|%25)+)(?:/|$)")
ALLOWED = "Podman takes _ and % for wildcards in ids: give the id, or a name with another letter than a to f in it"


def refuse_pattern(field: str, name: str, info: EngineInfo) -> None:
    """Refuse a name that the engine may take for a pattern of ids; raise InvalidValueError."""
    if info.takes_patterns and _PATTERN.fullmatch(name):
        raise InvalidValueError(field, name, ALLOWED)


def refuse_pattern_in(path: str, info: EngineInfo) -> None:
    """Refuse such a name where a request's path names a container."""
    if info.takes_patterns and (found := _IN_PATH.match(path)):
        refuse_pattern("container", found[1].replace("%25", "%"), info)
