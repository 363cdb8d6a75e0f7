"""What a version of Podman can't do is refused before it is asked for."""

from clab_runtime.engine.version import LIBPOD_FLOOR, APIVersion, EngineInfo
from clab_runtime.errors import UnsupportedOperationError


def is_since(info: EngineInfo, version: APIVersion) -> bool:
    """Tell whether Podman is of that version or newer."""
    return (info.libpod_version or LIBPOD_FLOOR) >= version


def unsupported(info: EngineInfo, feature: str) -> UnsupportedOperationError:
    """Make the error for what this Podman can't do."""
    return UnsupportedOperationError(info.engine, info.version, feature)
