"""The bytes of one HTTP/1.1 exchange, without any I/O.

`request_head` writes a request's head; `ResponseParser` is fed what the engine answers and holds what came of it: the
status, the headers, the body's pieces as they come, and after an upgrade the bytes that came along. llhttp (httptools)
does the parsing; what is added here is what an Engine API client needs to know besides: interim answers are skipped, an
answer to HEAD has no body, and a head has a size limit. A parser serves one exchange.
"""

from collections.abc import Iterable

import httptools

from clab_runtime.errors import EngineProtocolError

MAX_HEAD = 64 * 1024
"""Bytes that an answer's status line and headers may have."""

_INTERIM = range(100, 200)
_SWITCHING_PROTOCOLS = 101
_HEAD_END = b"\r\n\r\n"
_NEVER_A_BODY = (204, 304)


def request_head(method: str, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Write the request line and the headers, with the blank line that ends them."""
    lines = [b"%b %b HTTP/1.1" % (method.encode("ascii"), target)]
    lines += [b"%b: %b" % header for header in headers]
    lines += (b"", b"")
    return b"\r\n".join(lines)


class ResponseParser:
    """Turn the engine's bytes into one response; feed it until `head_complete`, then until `complete`."""

    __slots__ = (
        "_begun",
        "_head_only",
        "_head_size",
        "_head_tail",
        "_keep_alive",
        "_parser",
        "chunks",
        "complete",
        "head_complete",
        "headers",
        "on_body",
        "status",
        "surplus",
        "upgraded",
    )

    def __init__(self, *, head_only: bool = False) -> None:
        """Expect the answer to one request; `head_only` when that is a HEAD."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.chunks: list[bytes] = []
        self.head_complete = False
        self.complete = False
        self.upgraded = False
        self.surplus = False
        self.on_body = self.chunks.append  # llhttp calls it for every piece: no Python frame in between
        self._head_only = head_only
        self._head_size = 0
        self._head_tail = b""
        self._begun = False
        self._keep_alive = False
        self._parser = httptools.HttpResponseParser(self)

    @property
    def begun(self) -> bool:
        """Whether the engine has sent anything at all."""
        return self._begun

    @property
    def until_eof(self) -> bool:
        """Whether the body ends where the connection does, since no header says where."""
        return not any(name.lower() in {b"content-length", b"transfer-encoding"} for name, _ in self.headers)

    @property
    def keep_alive(self) -> bool:
        """Whether another request may follow on the connection."""
        return self.complete and self._keep_alive and not self.surplus and not self.upgraded

    def feed(self, data: bytes) -> None:
        """Take the next bytes; raise EngineProtocolError when they are not HTTP or the head grows too large."""
        self._begun = True
        in_head = not self.head_complete
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError as exc:
            if not self.complete:
                raise EngineProtocolError(f"the engine's answer is not HTTP/1.1: {exc}") from exc
            self.surplus = True
        if in_head:
            self._check_head(data)

    def feed_eof(self) -> None:
        """Take the end of the connection; raise EngineProtocolError when it comes in the middle."""
        if not self.complete and not (self.head_complete and self.until_eof):
            where = "body" if self.head_complete else "head"
            raise EngineProtocolError(f"the engine's answer is truncated: the connection ended inside its {where}")
        self.complete = True
        self.surplus = True  # nothing may follow on a connection that has ended

    def take(self) -> bytes:
        """Hand over the body's bytes that have come so far."""
        data = self.chunks[0] if len(self.chunks) == 1 else b"".join(self.chunks)
        self.chunks.clear()
        return data

    def on_message_begin(self) -> None:
        """Stop at a second answer where one was due."""
        if self.complete:
            raise EngineProtocolError("the engine answered twice")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are of no use here."""
        if not self.head_complete:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Keep the status; an answer to HEAD ends here."""
        self.status = self._parser.get_status_code()
        if self.status not in _INTERIM or self.status == _SWITCHING_PROTOCOLS:
            self.head_complete = True
            self.complete = self._head_only or self.status in _NEVER_A_BODY
            self._keep_alive = self._parser.should_keep_alive()  # llhttp forgets it with the end of the message

    def on_message_complete(self) -> None:
        """Note the end, or start over after an interim answer."""
        if self.head_complete:
            self.complete = True
        else:
            self.headers.clear()

    def _upgrade(self, rest: bytes) -> None:
        """Keep what came behind the head of a 101; from here on the bytes are no longer HTTP."""
        self.head_complete = self.complete = self.upgraded = True
        if rest:
            self.chunks.append(rest)

    def _check_head(self, data: bytes) -> None:
        """Hold the head to its limit, and an answer to HEAD to having no body."""
        if self.head_complete:  # its end may lie across two reads
            self._head_size += (self._head_tail + data).find(_HEAD_END) - len(self._head_tail) + len(_HEAD_END)
        else:
            self._head_size += len(data)
            self._head_tail = (self._head_tail + data)[1 - len(_HEAD_END) :]
        if self._head_size > MAX_HEAD:
            raise EngineProtocolError(f"the engine's answer has a head of over {MAX_HEAD} bytes")
        if self._head_only and self.chunks:
            self.chunks.clear()
            self.surplus = True
