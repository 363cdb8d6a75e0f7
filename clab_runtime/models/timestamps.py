"""The engines' points in time: nanoseconds since the epoch, and RFC 3339 text with up to nine decimals."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_SECONDS = re.compile(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)")
_DECIMALS = re.compile(r"(\.\d{6})\d+")


def from_nanoseconds(nanoseconds: int) -> datetime:
    """Make an aware UTC datetime; what is finer than a microsecond is cut off."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1000)


def from_rfc3339(text: str) -> datetime:
    """Read RFC 3339; the datetime is aware, and what is finer than a microsecond is cut off."""
    moment = datetime.fromisoformat(_DECIMALS.sub(r"\1", text))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def to_nanoseconds(text: str) -> int:
    """Read RFC 3339 to the nanosecond, since the epoch; 0 for what is none."""
    found = _SECONDS.match(text)
    if found is None:
        return 0
    seconds, decimals, zone = found.groups()
    return _whole_seconds(seconds, zone) * 1_000_000_000 + int((decimals or "").ljust(9, "0"))


@lru_cache(maxsize=64)
def _whole_seconds(text: str, zone: str) -> int:
    """Read what the lines of a second have in common."""
    try:
        return int(datetime.fromisoformat(text + zone).timestamp())
    except ValueError:
        return 0
