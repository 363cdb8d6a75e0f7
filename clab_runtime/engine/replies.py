"""What becomes of an engine's reply: a value, or an error with the engine's own words."""

from collections.abc import AsyncIterable
from typing import TypeVar

import msgspec

from clab_runtime.errors import MAX_MESSAGE, EngineError, EngineProtocolError, error_from_status

T = TypeVar("T")

NOT_MODIFIED = 304
"""Already started, or already stopped: a success."""

_FIRST_REDIRECT = 300
_FIRST_ERROR = 400


class _ErrorBody(msgspec.Struct):
    """The engines' error document; Podman's `cause` is the stable part of its message."""

    message: str | None = None
    cause: str | None = None


def is_error(status: int) -> bool:
    """Tell whether a status stands for a failure; a redirect does, since ids never lead elsewhere."""
    return status >= _FIRST_REDIRECT and status != NOT_MODIFIED


def error_from_reply(status: int, body: bytes, method: str, path: str) -> EngineError:
    """Make the typed error for a reply."""
    unsaid = "the engine took a name for a path" if status < _FIRST_ERROR else "(the engine gave no reason)"
    said = _read_error(body)
    return error_from_status(status, said.message or said.cause or unsaid, method, path, cause=said.cause or "")


def _read_error(body: bytes) -> _ErrorBody:
    """Find the engine's words in a JSON document, or take plain text as it is."""
    try:
        return msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _ErrorBody(message=body[: 4 * MAX_MESSAGE].decode(errors="replace").strip())


def decode(body: bytes, reply: type[T], what: str) -> T:
    """Decode a JSON body; raise EngineProtocolError when it is none, or not of that shape."""
    try:
        return msgspec.json.decode(body, type=reply)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise EngineProtocolError(f"{what}: the engine's answer can't be read as {reply}: {exc}") from exc


async def read_all(pieces: AsyncIterable[bytes], limit: int, what: str) -> bytes:
    """Read a body that is to be held in memory; raise EngineProtocolError when it is over `limit` bytes."""
    chunks: list[bytes] = []
    size = 0
    async for piece in pieces:
        size += len(piece)
        if size > limit:
            raise EngineProtocolError(f"{what}: the engine's answer is over the limit of {limit} bytes")
        chunks.append(piece)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)
