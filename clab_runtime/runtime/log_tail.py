"""Which engines can be asked for the last lines of a log."""

from clab_runtime.engine.version import EngineInfo


def counts_tails(info: EngineInfo) -> bool:
    """Tell whether an engine that is asked for so many last lines sends those.

    Podman loses the parts of a line that is long; version 4 also takes the last line for one with that before it if it
    has no ending.
    """
    return info.libpod_version is None
