"""What goes through an interactive session: its output, and the size of its terminal."""

from typing import Final

import msgspec

from clab_runtime.errors import InvalidValueError
from clab_runtime.models.given import GivenModel
from clab_runtime.models.log import StreamName

LARGEST: Final = 65535
"""Characters that a terminal can be wide or high."""


class SessionOutput(msgspec.Struct, frozen=True, gc=False):
    """A piece of what comes out of a session, cut anywhere: in the middle of a line, or of a character."""

    stream: StreamName
    """Where it was written; all of a terminal's output is stdout."""
    data: bytes
    """The exact bytes."""


class TerminalSize(GivenModel, frozen=True):
    """How large a terminal is, in characters."""

    width: int
    """Columns."""
    height: int
    """Rows."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field, value in (("width", self.width), ("height", self.height)):
            if not 1 <= value <= LARGEST:
                raise InvalidValueError(field, value, f"give a number of characters, 1 to {LARGEST}")
