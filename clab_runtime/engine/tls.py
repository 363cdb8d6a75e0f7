"""TLS for a TCP endpoint: contexts made once per set of files, and a stream that says what it can't do."""

import ssl
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from anyio import BrokenResourceError, EndOfStream, aclose_forcefully
from anyio.abc import ByteStream, SocketStream
from anyio.streams.tls import TLSStream

from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.errors import EngineConnectionError, UnsupportedOperationError

_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError)
"""How some versions of Python's ssl report what is an end of the stream to others."""

_CHECK_TLS = "does the engine speak TLS on this port? Check the address and the certificates (DOCKER_CERT_PATH)"
_CHECK_CA = "name the authority that signed the engine's certificate as ca.pem, and the host as the certificate does"
_CHECK_CERT = "give a client certificate that the engine accepts: cert.pem and key.pem (DOCKER_CERT_PATH)"
_CHECK_FILE = "check the path (DOCKER_CERT_PATH), the file and its permissions"


class TLSByteStream(ByteStream):
    """Bytes over TLS; raises anyio's exceptions, and EngineConnectionError if the client's certificate is refused.

    It has no half-close: send_eof() raises UnsupportedOperationError.
    """

    def __init__(self, endpoint: EngineEndpoint, inner: TLSStream) -> None:
        """Take over a stream that has shaken hands."""
        self._endpoint = endpoint
        self._inner = inner
        self._answered = False

    async def receive(self, max_bytes: int = 65536) -> bytes:
        """Return up to `max_bytes` bytes as soon as there are any."""
        try:
            data = await self._inner.receive(max_bytes)
        except ssl.SSLError as error:
            # With TLS 1.3 a refusal of the client's certificate comes after the handshake, in place of the first bytes.
            if self._answered:
                raise BrokenResourceError from error
            raise EngineConnectionError(str(self._endpoint), f"TLS: {_reason(error)}", _CHECK_CERT) from error
        self._answered = True
        return data

    async def send(self, item: bytes) -> None:
        """Send all the bytes."""
        try:
            await self._inner.send(item)
        except (ssl.SSLError, EndOfStream) as error:
            raise BrokenResourceError from error

    async def send_eof(self) -> None:
        """Raise UnsupportedOperationError: TLS closes both directions or none."""
        raise UnsupportedOperationError(
            self._endpoint.engine, "", "half-close (send_eof) over TLS; use unix:// or ssh://"
        )

    async def aclose(self) -> None:
        """Close the connection without waiting for the peer."""
        await self._inner.aclose()

    @property
    def extra_attributes(self) -> Mapping[Any, Callable[[], Any]]:
        """What anyio's typed attributes offer: those of TLS and of the socket below."""
        return self._inner.extra_attributes


async def wrap_tls(endpoint: EngineEndpoint, stream: SocketStream, files: TLSFiles) -> TLSByteStream:
    """Shake hands over a new connection, which is closed if that fails. Raises EngineConnectionError."""
    try:
        context = make_context(endpoint, files)
        host = endpoint.host.partition("%")[0]
        # HTTP says by itself where a message ends: no closing handshake.
        inner = await TLSStream.wrap(stream, hostname=host, ssl_context=context, standard_compatible=False)
    except BaseException as error:
        await aclose_forcefully(stream)
        if isinstance(error, ssl.SSLError | BrokenResourceError | EndOfStream):
            raise EngineConnectionError(str(endpoint), *_explain(error)) from error
        raise
    return TLSByteStream(endpoint, inner)


def make_context(endpoint: EngineEndpoint, files: TLSFiles) -> ssl.SSLContext:
    """Return the context for these files: the same one as long as they are unchanged. Raises EngineConnectionError."""
    paths = [path for path in (files.ca, files.cert, files.key) if path]
    stamps = tuple(_stamp(endpoint, path) for path in paths)
    try:
        return _load(files, stamps)
    except OSError as error:
        problem = f"TLS: can't use {', '.join(paths)}: {_reason(error)}"
        raise EngineConnectionError(str(endpoint), problem, _CHECK_FILE) from error


def _stamp(endpoint: EngineEndpoint, path: str) -> int:
    """Return when a file was changed, in nanoseconds, having seen that it can be read."""
    try:
        with Path(path).open("rb"):
            return Path(path).stat().st_mtime_ns
    except OSError as error:
        problem = f"TLS: can't read {path}: {error.strerror}"
        raise EngineConnectionError(str(endpoint), problem, _CHECK_FILE) from error


@lru_cache(maxsize=32)
def _load(files: TLSFiles, _stamps: tuple[int, ...]) -> ssl.SSLContext:
    """Load the files; the time stamps are there so that renewed certificates are read again."""
    context = ssl.create_default_context(cafile=files.ca)
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.cert is not None:
        # Without the answer to its question, a key with a passphrase would have OpenSSL ask at the terminal.
        context.load_cert_chain(files.cert, files.key, password=_no_passphrase)
    return context


def _no_passphrase() -> str:
    """Answer OpenSSL's question for a passphrase."""
    return ""


def _explain(error: Exception) -> tuple[str, str]:
    """Name problem and remedy of a handshake that failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"TLS: the engine's certificate is not trusted: {error.verify_message}", _CHECK_CA
    if isinstance(error, ssl.SSLError) and not isinstance(error, _HUNG_UP):
        return f"TLS: {_reason(error)}", _CHECK_TLS
    return "TLS: the engine closed the connection during the handshake", _CHECK_TLS


def _reason(error: OSError) -> str:
    """Return OpenSSL's words for people, else the system's."""
    reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return (reason or str(error)).replace("_", " ").lower()
