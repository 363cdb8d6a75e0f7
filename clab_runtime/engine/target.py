"""What stands in a request's first line: path segments, and queries."""

import json
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from clab_runtime.errors import InvalidValueError, not_writable

QueryValue = str | int | float | bool | None | tuple[str, ...] | Mapping[str, Sequence[str]]
"""A query's value: None leaves the key out, a mapping is the engine's `filters` (JSON), a bool 1 or 0.

A tuple has the key come once for each of its values."""


_WAYS = frozenset({"", ".", ".."})
"""Parts of a path that routers resolve, encoded or not, to get at something else."""
_READ_ONCE_MORE = re.compile(r"\0|%[0-9A-Fa-f]{2}")
"""What Podman decodes once more: `%31` is taken for `1`, and a NUL ends a name, whose beginning may be another's."""


def named(value: str, field: str) -> str:
    """Return an id or a name as it is; raise InvalidValueError for a blank one, or one that routers take for a way."""
    if not isinstance(value, str) or not value.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidValueError(field, value, "give a name or an id")
    if value in _WAYS or ("/" in value and not _WAYS.isdisjoint(value.split("/"))):
        raise InvalidValueError(field, value, "give a name or an id, without empty parts, . and .. between slashes")
    if _READ_ONCE_MORE.search(value):
        raise InvalidValueError(field, value, "give a name or an id, without NUL and percent-encoded characters")
    return value


def segment(value: str, field: str) -> str:
    """Percent-encode an id or a name into one path segment; raise InvalidValueError for one that no object can have."""
    try:
        return quote(named(value, field), safe="")
    except UnicodeEncodeError as exc:
        raise not_writable(field, exc) from exc


def with_query(path: str, query: Mapping[str, QueryValue] | None) -> str:
    """Append the query's values that are set."""
    if not query:
        return path
    pairs = [(key, _text(item)) for key, value in query.items() for item in _items(value)]
    try:
        return f"{path}?{urlencode(pairs)}" if pairs else path
    except UnicodeEncodeError as exc:
        raise not_writable("query", exc) from exc


def _items(value: QueryValue) -> tuple[QueryValue, ...]:
    """Tell how often a key comes, and with what."""
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _text(value: QueryValue) -> str:
    """Write one value as the engines read it."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, Mapping):
        return json.dumps({key: list(values) for key, values in value.items()})
    return str(value)
