"""Binds, volumes, tmpfs and devices of a node, checked."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import Bind, NodeConfig, Volume

_VOLUME_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,254}")
_DEVICE_MODE = re.compile(r"(?!.*(.).*\1)[rwm]{1,3}")

_ACCESS = frozenset({"ro", "rw"})
_PROPAGATION = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave"})
_LABELLING = frozenset({"z", "Z"})
_CONSISTENCY = frozenset({"cached", "consistent", "delegated"})
_BIND_OPTIONS = (_ACCESS, _PROPAGATION, _LABELLING, _CONSISTENCY)
_VOLUME_OPTIONS = (_ACCESS, frozenset({"nocopy"}))
"""Groups of options; of each group a mount has at most one."""
_TMPFS_FLAGS = (
    _ACCESS,
    _PROPAGATION,
    *(frozenset({word, f"no{word}"}) for word in ("exec", "suid", "dev", "atime", "diratime", "relatime")),
    frozenset({"strictatime", "nostrictatime"}),
    frozenset({"sync", "async"}),
)
_TMPFS_SETTING = re.compile(
    r"(size|nr_blocks)=[0-9]+[kmg%]?|nr_inodes=[0-9]+[kmg]?|mode=[0-7]{1,4}|(uid|gid)=[0-9]{1,10}|mpol=[a-z0-9:=-]+",
    re.IGNORECASE,
)


def binds_and_volumes(node: NodeConfig) -> tuple[list[Bind], list[Volume]]:
    """Read binds and volumes; no two things can be mounted at one path."""
    bind_list = [_checked_bind(text) for text in node.binds]
    volume_list = [_checked_volume(text) for text in node.volumes]
    targets = [bind.dst for bind in bind_list] + [volume.dst for volume in volume_list] + list(node.tmpfs)
    _check_targets(targets)
    return bind_list, volume_list


def tmpfs(mounts: Mapping[str, str]) -> dict[str, str]:
    """Check the paths and the options of file systems in memory; engines would refuse them at the start only."""
    for path, options in mounts.items():
        _check_target("tmpfs", path, path)
        flags = [option for option in options.split(",") if not _TMPFS_SETTING.fullmatch(option)] if options else []
        _check_options("tmpfs", f"{path}:{options}", flags, _TMPFS_FLAGS)
    return dict(mounts)


def devices(texts: Sequence[str]) -> tuple[schema.Device, ...]:
    """Read `/dev/x`, `/dev/x:/dev/y`, `/dev/x:rw` and `/dev/x:/dev/y:rw`."""
    return tuple(_device(text) for text in texts)


def _checked_bind(text: str) -> Bind:
    """Read a bind; the host's path has to be absolute, or Docker would take it for the name of a volume."""
    bind = Bind.parse(text)
    if bind.src and not bind.src.startswith("/"):
        raise InvalidValueError("binds", text, "give the host's absolute path; a named volume goes into volumes")
    _check_target("binds", text, bind.dst)
    _check_options("binds", text, bind.mode.split(",") if bind.mode else (), _BIND_OPTIONS)
    return bind


def _checked_volume(text: str) -> Volume:
    """Read a volume."""
    volume = Volume.parse(text)
    if volume.name and not _VOLUME_NAME.fullmatch(volume.name):
        raise InvalidValueError("volumes", text, "a volume's name has 2 to 255 letters, digits, _, . and -")
    _check_target("volumes", text, volume.dst)
    _check_options("volumes", text, volume.opts, _VOLUME_OPTIONS)
    return volume


def _check_target(field: str, text: str, path: str) -> None:
    """Refuse what is no path to mount something at."""
    if not path.startswith("/") or not path.strip("/"):
        raise InvalidValueError(field, text, "give the container's path, absolute and not / itself")


def _check_options(field: str, text: str, options: Sequence[str], groups: Iterable[frozenset[str]]) -> None:
    """Refuse options that are unknown, and those that contradict each other."""
    groups = tuple(groups)
    known = frozenset[str]().union(*groups)
    wrong = next((option for option in options if option not in known), None)
    if wrong is not None:
        raise InvalidValueError(field, text, f"{wrong!r} is unknown, options are {', '.join(sorted(known))}")
    for group in groups:
        if len([option for option in options if option in group]) > 1:
            raise InvalidValueError(field, text, f"give only one of {', '.join(sorted(group))}")


def _check_targets(targets: Sequence[str]) -> None:
    """Refuse two mounts at one path."""
    path, times = Counter(target.rstrip("/") for target in targets).most_common(1)[0] if targets else ("", 0)
    if times > 1:
        raise InvalidValueError("binds", path, "only one of binds, volumes and tmpfs can be mounted at a path")


def _device(text: str) -> schema.Device:
    """Read one device; what is not said is as on the host, and may be read, written and made."""
    host, *rest = text.split(":")
    mode = rest.pop() if rest and _DEVICE_MODE.fullmatch(rest[-1]) else "rwm"
    container = rest.pop(0) if rest else host
    if rest or not all(path.startswith("/") and path.strip("/") for path in (host, container)):
        raise InvalidValueError("devices", text, "write /dev/x, /dev/x:/dev/y or /dev/x:/dev/y:mode, mode of r, w, m")
    return schema.Device(path_on_host=host, path_in_container=container, cgroup_permissions=mode)
