"""Which part of a log is wanted."""

from datetime import datetime

import msgspec

from clab_runtime.runtime import arguments


class LogWindow(msgspec.Struct, frozen=True, kw_only=True):
    """What is written from and up to a moment, and its last lines; malformed times are refused at once."""

    since: datetime | None = None
    until: datetime | None = None
    tail: int | None = None

    def __post_init__(self) -> None:
        arguments.timestamp("since", self.since)
        arguments.timestamp("until", self.until)

    @property
    def since_nanoseconds(self) -> int:
        """The first moment, since the epoch; 0: there is none."""
        moment = arguments.timestamp("since", self.since)
        return 0 if moment is None or self.since is None else int(moment) * 10**9 + self.since.microsecond * 1000

    @property
    def until_seconds(self) -> float | None:
        """The last moment, since the epoch; None: there is none."""
        return arguments.timestamp("until", self.until)
