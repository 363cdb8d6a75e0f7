"""httpx's URL and headers without their cost: they are parsed when somebody looks into them, and not before.

Parsing a URL costs more than the rest of a request, and hardly anybody reads an answer's headers. Whoever does look
(another transport, pytest-httpx, a log hook) sees the ordinary thing.
"""

import httpx


class EngineURL(httpx.URL):
    """An httpx.URL that is parsed when somebody looks into it, and not before.

    Parsing costs more than the rest of a request; our own transport only needs `raw_path`, which is known. Any other
    transport, and pytest-httpx, sees an ordinary URL.
    """

    def __init__(self, base: str, target: str) -> None:
        """Join the scheme and host in `base` with an encoded path and query."""
        self._base = base
        self._target = target

    @property
    def raw_path(self) -> bytes:
        """The path and the query as they go over the wire."""
        return self._target.encode("ascii")

    def __getattr__(self, name: str) -> object:
        """Parse, at the first look at what only parsing tells."""
        if name != "_uri_reference":
            raise AttributeError(name)
        super().__init__(self._base + self._target)
        return self.__dict__[name]


class LazyHeaders(httpx.Headers):
    """An answer's headers, as they came."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        """Keep the headers' names and values."""
        self._raw = raw

    def __getattr__(self, name: str) -> object:
        """Parse, at the first look."""
        if name not in {"_list", "_encoding"}:
            raise AttributeError(name)
        super().__init__(self._raw)
        return self.__dict__[name]
