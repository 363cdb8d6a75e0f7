"""What a request for a container's log may have, by Docker's API and by Podman's own alike."""

from collections.abc import Mapping
from typing import TypedDict

from clab_runtime.engine.target import QueryValue


class LogOptions(TypedDict, total=False):
    """Which part of a log is wanted, and how; the engine's own defaults are no, and all of it."""

    follow: bool
    """Whether to go on with what is written later."""
    since: float | str | None
    """Seconds since 1970, as text with up to nine decimals."""
    until: float | None
    """Seconds since 1970."""
    tail: int | None
    """How many of the last lines."""
    timestamps: bool
    """Whether each line is to begin with the moment at which it was written."""


def log_query(options: LogOptions) -> Mapping[str, QueryValue]:
    """Write the query, of which both outputs are wanted."""
    return {
        "stdout": True,
        "stderr": True,
        "follow": options.get("follow", False),
        "since": options.get("since"),
        "until": options.get("until"),
        "tail": options.get("tail"),
        "timestamps": options.get("timestamps", False),
    }
