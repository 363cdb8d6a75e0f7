"""The timestamps that engines put before each piece of a log."""

import re
import time
from typing import Final

from clab_runtime.models.timestamps import from_nanoseconds, to_nanoseconds

STAMP_SIZE: Final = 36
"""Bytes that a timestamp may have: its time zone may be a number."""
PIECE: Final = 16 * 1024
"""Bytes of a line that Docker keeps together."""

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
_CLOCKS = 60 * 1_000_000_000
"""Nanoseconds by which the engine's clock may be ahead of ours."""


def moment_of(piece: bytes) -> int:
    """Tell when a piece was written, in nanoseconds since the epoch."""
    return to_nanoseconds(piece[:STAMP_SIZE].decode("ascii", errors="replace"))


def without_further_timestamps(text: bytes, stamp: bytes) -> bytes:
    """Take out the timestamps that Docker puts before each further piece of a line.

    A piece of a long line has the line's own; what follows on a line that a run of the container has left unended has a
    later one, but none that lies in the future.
    """
    pieces: list[bytes] = []
    begin, future = 0, f"{from_nanoseconds(time.time_ns() + _CLOCKS):%Y-%m-%dT%H:%M:%S}".encode()
    for found in _STAMP.finditer(text):
        other = found[0][:-1]
        position = found.start() - begin
        if (position and position % PIECE == 0 and other == stamp) or (found.start() and stamp < other < future):
            pieces.append(text[begin : found.start()])
            begin = found.end()
    pieces.append(text[begin:])
    return b"".join(pieces)
