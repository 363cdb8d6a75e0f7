"""Which engines can be asked for the last lines of a log."""

from typing import Final

from clab_runtime.engine.version import APIVersion, EngineInfo

_COUNTED_SINCE: Final = APIVersion(5, 0)
"""Podman's version; older ones lose long lines, and join the last line to that before it if it has no ending."""


def counts_tails(info: EngineInfo) -> bool:
    """Tell whether an engine that is asked for so many last lines sends those; the first of them may be cut on all."""
    return info.libpod_version is None or info.libpod_version >= _COUNTED_SINCE
