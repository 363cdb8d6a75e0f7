"""Decoders without I/O for what engines stream: multiplexed frames, JSON objects, log lines.

Each takes bytes as they come, split anywhere, through `feed`, a generator of what is complete; `finish` is for the end
and raises EngineProtocolError when that comes in the middle. Items before a fault are yielded before it is raised.
"""

import re
from collections.abc import Iterator
from struct import Struct
from typing import Generic, TypeVar

import msgspec

from clab_runtime.errors import EngineProtocolError, EngineStreamError

T = TypeVar("T")

STDIN, STDOUT, STDERR = 0, 1, 2
"""The stream numbers that a frame may bear."""

SYSTEM_ERROR = 3
"""dockerd's fourth stream number: the engine's own error in the middle of a stream."""

MAX_ITEM = 16 * 1024 * 1024
"""Bytes that one frame, object or line may have; what is longer is no such thing."""

FRAME_HEADER = Struct(">B3xI")
"""A frame's first bytes: the stream's number, and how many bytes follow."""

_HEADER_SIZE = FRAME_HEADER.size


class FrameDecoder:
    """Take apart Docker's multiplexed stream: 8 bytes of stream number and size, then so many bytes."""

    def __init__(self) -> None:
        self._pending = b""

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield (stream number, payload) of every frame that is complete."""
        buffer = self._pending + data if self._pending else data
        self._pending = b""
        unpack, start, end = FRAME_HEADER.unpack_from, _HEADER_SIZE, len(buffer)
        while start <= end:
            stream, size = unpack(buffer, start - _HEADER_SIZE)
            stop = start + size
            if stream > SYSTEM_ERROR or size > MAX_ITEM:
                raise not_a_frame(buffer[start - _HEADER_SIZE : start])
            if stop > end:
                break
            yield stream, buffer[start:stop]
            start = stop + _HEADER_SIZE
        self._pending = buffer[start - _HEADER_SIZE :]

    def finish(self) -> None:
        """Raise when a frame has begun and not ended."""
        if self._pending:
            raise truncated_frame(self._pending)


def not_a_frame(header: bytes) -> EngineProtocolError:
    """Make the error for bytes with which no frame begins."""
    return EngineProtocolError(f"not a frame of a multiplexed stream: {header!r}")


def truncated_frame(rest: bytes) -> EngineProtocolError:
    """Make the error for a frame that has begun and not ended."""
    return EngineProtocolError(f"a multiplexed stream is truncated: {len(rest)} bytes of a frame")


def system_error(payload: bytes) -> EngineStreamError:
    """Make the error that the engine itself reports in a frame."""
    return EngineStreamError(payload.decode(errors="replace").strip())


class LineSplitter:
    """Cut bytes into lines at the line feeds; a carriage return before one stays."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []
        self._size = 0

    @property
    def pending(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._pending)

    @property
    def pieces(self) -> tuple[bytes, ...]:
        """What there is of the line that has begun."""
        return tuple(self._pending)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that are complete, without their line feeds."""
        lines = data.split(b"\n")
        rest = lines.pop()
        if lines and self._pending:
            lines[0] = b"".join((*self._pending, lines[0]))
            self._pending.clear()
            self._size = 0
        if rest:
            self._keep(rest)
        return lines

    def finish(self) -> list[bytes]:
        """Return the last line, if it has no line feed."""
        rest = b"".join(self._pending)
        self._pending.clear()
        return [rest] if rest else []

    def _keep(self, rest: bytes) -> None:
        """Keep the beginning of a line."""
        self._pending.append(rest)
        self._size += len(rest)
        if self._size > MAX_ITEM:
            raise EngineProtocolError(f"a line is over {MAX_ITEM} bytes")


class JSONDecoder(Generic[T]):
    """Decode a stream of JSON objects, one after the other, with or without anything between them.

    Lines are tried first, since that is how engines write; only what is not a whole object is looked at closer.
    """

    # A string, whose group is empty when its end is not there yet, or a brace outside of strings.
    _TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+("?)|[{}]', re.DOTALL)
    _BETWEEN = b" \t\r\n\x1e"  # white space, and the record separator of json-seq

    def __init__(self, kind: type[T]) -> None:
        """Decode each object as `kind`, a msgspec Struct."""
        self._decoder = msgspec.json.Decoder(kind)
        self._pending = b""
        self._scanned = 0
        self._depth = 0

    def feed(self, data: bytes) -> Iterator[T]:
        """Yield the objects that are complete."""
        lines = [] if self._pending else data.split(b"\n")
        for index, line in enumerate(lines):
            text = line.strip(self._BETWEEN)
            if not text:
                continue
            try:
                item = self._decoder.decode(text)
            except (msgspec.ValidationError, UnicodeDecodeError) as exc:
                raise _not_expected(exc, text) from exc
            except msgspec.DecodeError:  # several objects on a line, or one on several lines
                data = b"\n".join(lines[index:])
                break
            yield item
        else:
            if lines:
                return
        self._pending += data
        yield from self._scan()

    def finish(self) -> None:
        """Raise when an object has begun and not ended."""
        if self._pending:
            raise EngineProtocolError(f"a stream of JSON is truncated inside {self._pending[:200]!r}")

    def _scan(self) -> Iterator[T]:
        """Find the objects in what is pending by counting braces outside of strings, from where the last scan ended."""
        buffer, start, resume = self._pending, 0, len(self._pending)
        for token in self._TOKEN.finditer(buffer, self._scanned):
            if token[0] == b"{":
                self._begin(buffer[start : token.start()])
            elif token[0] == b"}":
                self._depth -= 1
                if self._depth == 0:
                    yield self._decode(buffer[start : token.end()].strip(self._BETWEEN))
                    start = token.end()
            elif not token[1]:
                resume = token.start()
                break
        self._keep(buffer[start:], resume - start)

    def _begin(self, before: bytes) -> None:
        """Enter an object; before an outermost one there may be only what may stand between them."""
        if self._depth == 0 and before.strip(self._BETWEEN):
            raise EngineProtocolError(f"not JSON: {before[:200]!r}")
        self._depth += 1

    def _keep(self, rest: bytes, scanned: int) -> None:
        """Keep the beginning of an object, and how far it has been looked at."""
        if self._depth <= 0 and rest.strip(self._BETWEEN):
            raise EngineProtocolError(f"not JSON: {rest[:200]!r}")
        if len(rest) > MAX_ITEM:
            raise EngineProtocolError(f"a JSON object is over {MAX_ITEM} bytes")
        self._pending = rest if self._depth else b""
        self._scanned = scanned if self._depth else 0

    def _decode(self, text: bytes) -> T:
        """Decode what the braces say is one object."""
        try:
            return self._decoder.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise _not_expected(exc, text) from exc


def _not_expected(exc: Exception, text: bytes) -> EngineProtocolError:
    """Say what is wrong with an object of a stream."""
    return EngineProtocolError(f"not the JSON that was expected ({exc}): {text[:200]!r}")
