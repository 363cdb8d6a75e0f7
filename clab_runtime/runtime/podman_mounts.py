"""Binds, volumes, tmpfs and devices, as Podman is asked for them."""

from collections.abc import Sequence
from typing import TypedDict

from clab_runtime.engine import schema
from clab_runtime.engine.version import EngineInfo
from clab_runtime.models import Bind, NodeConfig, Volume
from clab_runtime.runtime import mounts
from clab_runtime.runtime.podman_version import unsupported

_FOR_A_MAC = frozenset({"cached", "consistent", "delegated"})
"""Options of binds that say nothing on Linux, not to Docker either, and that Podman does not know."""
_LIKE_DOCKERS = ("suid", "dev")
"""Podman mounts volumes `nosuid` and `nodev` unless it is told otherwise; Docker does not."""
_PLAIN = frozenset({"private", "rprivate", "shared", "rshared", "slave", "rslave", "ro", "rw", "size", "mode"})
_CHOICES = ("exec", "suid", "dev")
"""What a tmpfs allows only where that is said."""


class Mounted(TypedDict):
    """What a request has of mounts."""

    mounts: Sequence[schema.SpecMount]
    volumes: Sequence[schema.NamedVolume]
    devices: Sequence[schema.SpecDevice]


def mounted(node: NodeConfig, info: EngineInfo) -> Mounted:
    """Collect all that is mounted."""
    return Mounted(mounts=_mounts(node, info), volumes=_volumes(node), devices=_devices(node))


def bind_sources(node: NodeConfig) -> list[Bind]:
    """Collect the binds of the host's paths."""
    return [bind for bind in mounts.binds_and_volumes(node)[0] if bind.src]


def _mounts(node: NodeConfig, info: EngineInfo) -> tuple[schema.SpecMount, ...]:
    """Collect all that is mounted and is no volume."""
    binds, _ = mounts.binds_and_volumes(node)
    memory = [_tmpfs(path, options, info) for path, options in mounts.tmpfs(node.tmpfs).items()]
    return (*(_bind(bind) for bind in binds if bind.src), *memory, *_devices_of_privileged(node))


def _volumes(node: NodeConfig) -> tuple[schema.NamedVolume, ...]:
    """Collect the volumes; a bind without a source is one, too."""
    binds, named = mounts.binds_and_volumes(node)
    found = [*(Volume("", bind.dst) for bind in binds if not bind.src), *named]
    return tuple(
        schema.NamedVolume(name=volume.name, dest=volume.dst, options=(*volume.opts, *_LIKE_DOCKERS))
        for volume in found
    )


def _devices(node: NodeConfig) -> tuple[schema.SpecDevice, ...]:
    """Collect the devices; a privileged container has all of them, and more names for some are mounts."""
    if node.privileged:
        return ()
    return tuple(
        schema.SpecDevice(path=f"{device.path_on_host}:{device.path_in_container}:{device.cgroup_permissions}")
        for device in mounts.devices(node.devices)
    )


def _devices_of_privileged(node: NodeConfig) -> list[schema.SpecMount]:
    """Mount the devices of a privileged container that have another name there, which Podman 4 does not make."""
    return [
        schema.SpecMount(type="bind", source=device.path_on_host, destination=device.path_in_container)
        for device in mounts.devices(node.devices)
        if node.privileged and device.path_on_host != device.path_in_container
    ]


def _bind(bind: Bind) -> schema.SpecMount:
    """Mount a path of the host."""
    options = tuple(option for option in bind.mode.split(",") if option and option not in _FOR_A_MAC)
    return schema.SpecMount(type="bind", source=bind.src, destination=bind.dst, options=options)


def _tmpfs(path: str, text: str, info: EngineInfo) -> schema.SpecMount:
    """Mount a file system in memory: empty, and as strict as Docker's where nothing else is said."""
    given = text.split(",") if text else []
    _refuse_unknown(given, info)
    strict = [f"no{word}" for word in _CHOICES if word not in given and f"no{word}" not in given]
    return schema.SpecMount(type="tmpfs", source="tmpfs", destination=path, options=(*given, *strict, "notmpcopyup"))


def _refuse_unknown(options: Sequence[str], info: EngineInfo) -> None:
    """Refuse options that the kernel knows and Podman does not."""
    for option in options:
        word = option.partition("=")[0]
        if word not in _PLAIN and word.removeprefix("no") not in _CHOICES:
            raise unsupported(info, f"tmpfs option {option!r}")
