"""EngineClient: one engine's HTTP API, typed; the groups of endpoints hang on it, Podman's own under `libpod`.

`request` and `call` are unary calls with and without an answer worth decoding, `stream` is one whose answer goes on,
`upgrade` one that becomes a raw duplex. All go through `open`, which adds the API version, asks the transport, and
turns an error status into a typed error.
"""

from collections.abc import AsyncIterable, Mapping
from typing import Self, TypedDict, TypeVar, Unpack

import anyio
import httpx
import msgspec

from clab_runtime.engine.containers import Containers
from clab_runtime.engine.credentials import HEADER, RegistryCredentials, SecretHeaders
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.endpoint import EngineEndpoint
from clab_runtime.engine.execs import Execs
from clab_runtime.engine.images import Images
from clab_runtime.engine.lazy import EngineURL
from clab_runtime.engine.libpod import Libpod
from clab_runtime.engine.networks import Networks
from clab_runtime.engine.patterns import refuse_pattern_in
from clab_runtime.engine.raw import FOREIGN_ERRORS, RawStream, Upload, body_of
from clab_runtime.engine.replies import decode, error_from_reply, is_error, read_all
from clab_runtime.engine.resolution import resolve_docker
from clab_runtime.engine.system import System
from clab_runtime.engine.target import QueryValue, with_query
from clab_runtime.engine.transport import DEDICATED, EngineTransport
from clab_runtime.engine.version import LIBPOD_FLOOR, EngineInfo, negotiate
from clab_runtime.engine.volumes import Volumes
from clab_runtime.errors import (
    EngineConnectionError,
    EngineProtocolError,
    UnsupportedOperationError,
    already_closed,
    not_writable,
)

T = TypeVar("T")

DEFAULT_TIMEOUT = 30.0
"""Seconds that a unary call may take."""

MAX_BODY = 256 * 1024 * 1024
"""Bytes of an answer that is held in memory; a list of ten thousand containers has some 30 MB."""

_Headers = list[tuple[bytes, bytes]]
_WITHOUT_BODY = {"query", "timeout", "dedicated", "credentials"}
_LIBPOD = "/libpod/"
_NO_BODY = httpx.ByteStream(b"")
_encoder = msgspec.json.Encoder()


class Options(TypedDict, total=False):
    """What a request may have besides its method and path."""

    query: Mapping[str, QueryValue]
    """What stands behind the `?`."""
    json: msgspec.Struct
    """The body, to be sent as JSON."""
    content: AsyncIterable[bytes] | None
    """The body, a tar archive to be streamed."""
    credentials: RegistryCredentials | None
    """Who the engine is to be for a registry."""
    upgrade: bool
    """Whether to ask for a raw duplex."""
    timeout: float | None
    """Seconds for the whole call, the client's own when not given; None for no limit."""
    dedicated: bool
    """Whether to use a connection of its own: for what takes long."""


class EngineClient:
    """Talk to one engine; an async context manager, to be shared by the tasks of one event loop."""

    def __init__(
        self,
        endpoint: EngineEndpoint | str | None = None,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        max_body: int = MAX_BODY,
    ) -> None:
        """Note where the engine is (see `resolve_docker`); nothing is opened before the first call.

        `timeout` is in seconds and bounds unary calls, `max_body` in bytes and bounds answers that are held in memory.
        `transport` replaces our own by any other of httpx.
        """
        self.endpoint = resolve_docker(endpoint)
        self.timeout = timeout
        self.containers = Containers(self)
        self.execs = Execs(self)
        self.images = Images(self)
        self.networks = Networks(self)
        self.volumes = Volumes(self)
        self.system = System(self)
        self.libpod = Libpod(self)
        self._max_body = max_body
        self._transport = transport or EngineTransport(self.endpoint)
        self._base, self._headers = _base_url(self.endpoint)
        self._url = httpx.URL(self._base)
        self._plain_headers = httpx.Headers(self._headers)
        self._info: EngineInfo | None = None
        self._prefix = ""
        self._libpod_prefix = ""
        self._negotiating = anyio.Lock()
        self._closing = anyio.Event()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._transport!r}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, also under streams; going on with one, and a later call, raises EngineConnectionError.

        A call that has a limit of time and has been made already goes on to its end.
        """
        self._closing.set()
        await self._transport.aclose()

    async def pause(self, seconds: float) -> None:
        """Wait between two calls; raise EngineConnectionError as soon as this client is closed: there is no next."""
        with anyio.move_on_after(seconds):
            await self._closing.wait()
        self._check_open()

    async def info(self) -> EngineInfo:
        """Return which engine this is and which API version is spoken; asks GET /_ping the first time.

        Raises UnsupportedOperationError when the engine is older than API 1.40.
        """
        if self._info is None:
            async with self._negotiating:
                if self._info is None:
                    response = await self._ask(self._build("GET", {"timeout": self.timeout}), "", "/_ping")
                    await self._read("GET", "/_ping", response)
                    self._info = negotiate(response.headers, str(self.endpoint))
                    self._prefix = f"/v{self._info.api_version}"
                    if self._info.libpod_version is not None:
                        self._libpod_prefix = f"/v{self._info.libpod_version}.0"
        return self._info

    async def request(self, method: str, path: str, reply: type[T], **options: Unpack[Options]) -> T:
        """Make a unary call and decode its answer.

        Raises EngineError of the class that the status stands for, EngineConnectionError, EngineProtocolError, and
        TimeoutError when the engine has not answered within `timeout` seconds.
        """
        body = await self.call(method, path, **options)
        return decode(body, reply, f"{method} {path}")

    async def call(self, method: str, path: str, **options: Unpack[Options]) -> bytes:
        """Make a unary call and return the answer's body as it is; raises as `request` does."""
        options.setdefault("timeout", self.timeout)
        response = await self.open(method, path, **options)
        return await self._read(method, path, response)

    def stream(self, method: str, path: str, **options: Unpack[Options]) -> RawStream:
        """Prepare a call whose answer goes on; it has a connection of its own and no time-out."""
        options["dedicated"] = True
        return RawStream(self, method, path, options)

    async def upgrade(self, path: str, **options: Unpack[Options]) -> Duplex:
        """POST a request that turns its connection into a raw duplex, which the caller closes."""
        options["upgrade"] = options["dedicated"] = True
        options["timeout"] = self.timeout
        response = await self.open("POST", path, **options)
        duplex = response.extensions.get("network_stream")
        if isinstance(duplex, Duplex):
            return duplex
        await body_of(response).aclose()
        raise EngineProtocolError(f"POST {path}: the engine did not turn the connection into a raw stream")

    async def open(self, method: str, path: str, **options: Unpack[Options]) -> httpx.Response:
        """Send a request and return its response with the body unread; raise for an error status."""
        target = with_query(path, options.get("query"))
        request = self._build(method, options)  # before the first request: what can't be written is refused here
        info = self._info or await self.info()
        refuse_pattern_in(path, info)
        return await self._ask(request, self._prefix_of(path, info), target)

    def translated(self, method: str, path: str, exc: Exception) -> Exception:
        """Give a time-out words, and another transport's exception one of our classes."""
        if isinstance(exc, TimeoutError | httpx.TimeoutException):
            return TimeoutError(f"{method} {path}: {str(exc) or f'{self.endpoint} has not answered in time'}")
        if isinstance(exc, httpx.ProtocolError):
            return EngineProtocolError(f"{method} {path}: {exc}")
        return EngineConnectionError(str(self.endpoint), str(exc), "see whether the engine is running")

    def _check_open(self) -> None:
        """Refuse to go on once this client is closed."""
        if self._closing.is_set():
            raise already_closed(str(self.endpoint))

    def _prefix_of(self, path: str, info: EngineInfo) -> str:
        """Choose the version that stands before a path; raise where the engine has no such API."""
        if not path.startswith(_LIBPOD):
            return self._prefix
        if not self._libpod_prefix:
            raise UnsupportedOperationError(info.engine, info.version, f"libpod, the API of Podman {LIBPOD_FLOOR}")
        return self._libpod_prefix

    async def _ask(self, request: httpx.Request, prefix: str, path: str) -> httpx.Response:
        """Let the transport carry a request, which errors name without the prefix; raise for an error status."""
        self._check_open()
        request.url = EngineURL(self._base, prefix + path)
        try:
            response = await self._transport.handle_async_request(request)
        except FOREIGN_ERRORS as exc:
            raise self.translated(request.method, path, exc) from exc
        if is_error(response.status_code):
            body = await self._read(request.method, path, response)
            raise error_from_reply(response.status_code, body, request.method, path)
        return response

    async def _read(self, method: str, path: str, response: httpx.Response) -> bytes:
        """Read a body whole, within the limit, and be done with the response."""
        stream = body_of(response)
        try:
            return await read_all(stream, self._max_body, f"{method} {path}")
        except FOREIGN_ERRORS as exc:
            raise self.translated(method, path, exc) from exc
        finally:
            await stream.aclose()

    def _build(self, method: str, options: Options) -> httpx.Request:
        """Make an httpx.Request the frugal way: its URL comes later, unparsed; the headers are as they go out."""
        headers, stream = self._body(options)
        extensions: dict[str, object] = {"timeout": {"read": options.get("timeout")}}
        if options.get("dedicated"):
            extensions[DEDICATED] = True
        request = httpx.Request(method, self._url, headers=headers, stream=stream, extensions=extensions)
        if (credentials := options.get("credentials")) is not None:
            request.headers = SecretHeaders([*request.headers.raw, (HEADER.encode(), credentials.header())])
        return request

    def _body(self, options: Options) -> tuple[_Headers | httpx.Headers, httpx.AsyncByteStream]:
        """Return the body that the options ask for, with the headers that belong to it."""
        if options.keys() <= _WITHOUT_BODY:
            return self._plain_headers, _NO_BODY
        headers, stream = self._headers, _NO_BODY
        if (document := options.get("json")) is not None:
            body = _encoded(document)
            headers = [*headers, (b"Content-Type", b"application/json"), (b"Content-Length", b"%d" % len(body))]
            stream = httpx.ByteStream(body)
        elif (content := options.get("content")) is not None:
            headers = [*headers, (b"Content-Type", b"application/x-tar"), (b"Transfer-Encoding", b"chunked")]
            return headers, Upload(content)
        if options.get("upgrade"):
            headers = [*headers, (b"Connection", b"Upgrade"), (b"Upgrade", b"tcp")]
        return headers, stream


def _encoded(document: msgspec.Struct) -> bytes:
    """Write a body as JSON; raise InvalidValueError for text that has no bytes."""
    try:
        return _encoder.encode(document)
    except UnicodeEncodeError as exc:
        raise not_writable(type(document).__name__, exc) from exc


def _base_url(endpoint: EngineEndpoint) -> tuple[str, _Headers]:
    """Return the scheme and host of the URLs, and the headers that every request has."""
    scheme = "https" if endpoint.tls else "http"
    host = "localhost"
    if endpoint.scheme == "tcp":
        host = f"[{endpoint.host}]:{endpoint.port}" if ":" in endpoint.host else f"{endpoint.host}:{endpoint.port}"
    return f"{scheme}://{host}", [(b"Host", host.encode())]
