"""Requests, read out of the bytes that a client sends: which ones there are, without looking at what is in them."""

import re
from collections.abc import Iterator

_VERSION = re.compile(r"^/v\d[\d.]*(?=/)")
_LENGTH = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_CHUNKED = re.compile(rb"^transfer-encoding:.*chunked", re.IGNORECASE | re.MULTILINE)
_UPGRADE = re.compile(rb"^upgrade:", re.IGNORECASE | re.MULTILINE)
_END = b"\r\n\r\n"


class Requests:
    """The requests of one connection; what follows a request that upgrades it is nobody's business."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._body = 0
        """Bytes of a body, or of a piece of it, that are still to come."""
        self._in_chunks = False
        self._raw = False

    def feed(self, data: bytes) -> Iterator[str]:
        """Yield `METHOD /path` of each request that begins, its path without version and query."""
        self._data += data
        while not self._raw and self._skip_body() and (found := self._data.find(_END)) >= 0:
            head = bytes(self._data[: found + len(_END)])
            del self._data[: len(head)]
            self._expect_body(head)
            yield _what(head)
        if self._raw:
            self._data.clear()

    def _expect_body(self, head: bytes) -> None:
        """Note what the head says of the bytes behind it."""
        self._raw = _UPGRADE.search(head) is not None
        self._in_chunks = _CHUNKED.search(head) is not None
        length = _LENGTH.search(head)
        self._body = int(length[1]) if length else 0

    def _skip_body(self) -> bool:
        """Pass over the body as far as it is here; tell whether that is its end."""
        while True:
            skipped = min(self._body, len(self._data))
            del self._data[:skipped]
            self._body -= skipped
            if self._body or not self._in_chunks:
                return not self._body
            line, ending, _ = bytes(self._data[:100]).partition(b"\r\n")
            if not ending:
                return False
            size = int(line.partition(b";")[0], 16)
            self._in_chunks = size > 0
            del self._data[: len(line) + 2]
            self._body = size + 2  # with the line end behind it


def _what(head: bytes) -> str:
    """Return method and path."""
    method, target, _ = head.partition(b"\r\n")[0].decode("latin-1").split(" ", 2)
    return f"{method} {_VERSION.sub('', target.partition('?')[0])}"
