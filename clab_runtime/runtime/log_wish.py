"""Which part of a log is wanted, and how."""

from datetime import datetime
from typing import TypedDict

import msgspec

from clab_runtime.errors import InvalidValueError
from clab_runtime.runtime import arguments
from clab_runtime.streams.patience import GIVE_UP_AFTER


class LogKeywords(TypedDict, total=False):
    """What `stream_logs` and `merge_logs` take; ContainerRuntime says what each of them means."""

    follow: bool
    since: datetime | None
    until: datetime | None
    tail: int | None
    timestamps: bool
    follow_restarts: bool
    give_up_after: float


class LogWish(msgspec.Struct, frozen=True, kw_only=True):
    """The options, each with its value; what can't be right is refused at once."""

    follow: bool = True
    since: datetime | None = None
    until: datetime | None = None
    tail: int | None = None
    timestamps: bool = False
    follow_restarts: bool = False
    give_up_after: float = GIVE_UP_AFTER

    def __post_init__(self) -> None:
        arguments.timestamp("since", self.since)
        arguments.timestamp("until", self.until)
        for field in ("follow", "timestamps", "follow_restarts"):
            arguments.check_flag(field, getattr(self, field))
        arguments.check_lines(self.tail)
        arguments.check_seconds("give_up_after", self.give_up_after)
        if self.follow_restarts and not self.follow:
            raise InvalidValueError("follow_restarts", self.follow_restarts, "it takes follow, too")

    def stamped(self) -> "LogWish":
        """Want the same with timestamps."""
        return msgspec.structs.replace(self, timestamps=True)

    @property
    def since_nanoseconds(self) -> int:
        """The first moment, since the epoch; 0: there is none."""
        moment = arguments.timestamp("since", self.since)
        return 0 if moment is None or self.since is None else int(moment) * 10**9 + self.since.microsecond * 1000

    @property
    def until_seconds(self) -> float | None:
        """The last moment, since the epoch; None: there is none."""
        return arguments.timestamp("until", self.until)
