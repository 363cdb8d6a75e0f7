"""The engines' points in time: nanoseconds since the epoch, and RFC 3339 text with up to nine decimals."""

import re
from datetime import UTC, datetime, timedelta

_FRACTION = re.compile(r"\.(\d+)")
_DECIMALS = re.compile(r"(\.\d{6})\d+")


def from_nanoseconds(nanoseconds: int) -> datetime:
    """Make an aware UTC datetime; what is finer than a microsecond is cut off."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1000)


def nanoseconds_of(text: str) -> int:
    """Read RFC 3339 as nanoseconds since the epoch."""
    moment = from_rfc3339(text).replace(microsecond=0)
    fraction = _FRACTION.search(text)
    return int(moment.timestamp()) * 1_000_000_000 + int((fraction[1] if fraction else "").ljust(9, "0")[:9])


def from_rfc3339(text: str) -> datetime:
    """Read RFC 3339; the datetime is aware, and what is finer than a microsecond is cut off."""
    moment = datetime.fromisoformat(_DECIMALS.sub(r"\1", text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
