"""dial(): unix, tcp and TLS on real sockets, and what it says when it fails."""
# pyright: reportPrivateUsage=false

import errno
import grp
import os
import socket
import ssl
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio
import pytest
import trustme
from anyio import BrokenResourceError, EndOfStream, create_memory_object_stream
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.stapled import StapledByteStream
from anyio.streams.tls import TLSAttribute, TLSListener

from clab_runtime.engine import dial as module
from clab_runtime.engine.connection import Connection
from clab_runtime.engine.dial import dial, has_pending
from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.engine.tls import TLSByteStream, make_context
from clab_runtime.engine.unix import UnixStream
from clab_runtime.errors import EngineConnectionError, UnsupportedOperationError
from tests.engine.breaking_off import what_a_reader_gets

pytestmark = pytest.mark.anyio


async def echo(stream: ByteStream) -> None:
    async with stream:
        try:
            async for data in stream:
                await stream.send(data)
        except (BrokenResourceError, ssl.SSLError):
            pass


@asynccontextmanager
async def serving(
    context: ssl.SSLContext | None = None, handler: Callable[[ByteStream], "object"] = echo
) -> AsyncGenerator[int]:
    """Serve on a free port of this machine; gives the port."""
    tcp = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port: int = tcp.extra(SocketAttribute.local_port)
    listener = TLSListener(tcp, context, standard_compatible=False) if context else tcp
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handler)
        yield port
        tasks.cancel_scope.cancel()


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


# --- unix


@contextmanager
def answering(listener: socket.socket, answer: Callable[[socket.socket], None]) -> Generator[None]:
    """Serve one connection from a thread."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            answer(connection)

    thread = threading.Thread(target=serve)
    with listener:
        listener.listen()
        thread.start()
        yield
        thread.join()


async def test_unix(tmp_path: Path) -> None:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "s"))
    with answering(listener, lambda sock: sock.sendall(sock.recv(100))):
        async with await dial(EngineEndpoint(scheme="unix", path=str(tmp_path / "s"))) as stream:
            assert isinstance(stream, UnixStream)
            assert not has_pending(stream)
            await stream.send(b"ping")
            assert await stream.receive() == b"ping"
        assert has_pending(stream)


async def failure(path: Path | str, engine: str = "docker") -> EngineConnectionError:
    endpoint = EngineEndpoint(scheme="unix", path=str(path), engine="podman" if engine == "podman" else "docker")
    with pytest.raises(EngineConnectionError) as caught:
        await dial(endpoint)
    assert caught.value.endpoint == f"unix://{path}"
    assert isinstance(caught.value.__cause__, OSError)
    return caught.value


@pytest.mark.parametrize(
    ("program", "words"),
    [("docker", ("systemctl start docker", "DOCKER_HOST")), ("podman", ("podman.socket", "CONTAINER_HOST"))],
)
async def test_a_missing_socket_says_how_to_start_the_engine(
    tmp_path: Path, program: str, words: tuple[str, ...]
) -> None:
    error = await failure(tmp_path / "gone", program)
    assert error.problem == "there is no such socket"
    assert all(word in error.advice for word in words)


async def test_a_stale_socket_says_that_the_engine_is_not_running(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "s"))
    error = await failure(tmp_path / "s")
    assert "not running" in error.problem
    assert "systemctl start docker" in error.advice


async def test_a_file_that_is_no_socket_says_so(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    error = await failure(tmp_path / "f", "podman")
    assert error.problem == "this is not a socket"
    assert "CONTAINER_HOST" in error.advice
    assert not module._is_socket(str(tmp_path / "gone"))


async def test_other_problems_come_in_the_system_s_words(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    assert (await failure(tmp_path / "f" / "s")).problem == "can't connect: Not a directory"


@pytest.fixture
def nobody() -> Iterator[Path]:
    """Run as a user without rights, beside a folder that everybody may enter."""
    if os.geteuid():
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        os.seteuid(65534)
        try:
            yield Path(name)
        finally:
            os.seteuid(0)


def listen_as_root(path: Path, mode: int, gid: int) -> socket.socket:
    os.seteuid(0)
    sock = socket.socket(socket.AF_UNIX)
    sock.bind(str(path))
    sock.listen()
    os.chown(path, 0, gid)
    path.chmod(mode)
    os.seteuid(65534)
    return sock


@pytest.mark.parametrize(
    ("mode", "gid", "words"),
    [
        (0o660, 1, f"add your user to group {grp.getgrgid(1).gr_name!r} (`sudo usermod -aG "),
        (0o660, 54321, "add your user to group '54321'"),
        (0o600, 0, "the socket is for user 'root' alone"),
    ],
)
async def test_permission_denied_names_who_may(nobody: Path, mode: int, gid: int, words: str) -> None:
    with listen_as_root(nobody / "s", mode, gid):
        error = await failure(nobody / "s")
    assert error.problem == "permission denied"
    assert words in error.advice
    assert "root" in error.advice


async def test_permission_denied_on_a_folder_says_so(nobody: Path) -> None:
    os.seteuid(0)
    (nobody / "shut").mkdir(0o700)
    os.seteuid(65534)
    assert "may not be entered" in (await failure(nobody / "shut" / "s")).advice


def test_a_user_without_a_name_is_a_number() -> None:
    assert module._user_name(54321) == "54321"


async def test_a_full_queue_is_a_time_out(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)
        with pytest.raises(TimeoutError, match=r"unix://.*: no connection within 0.05 s") as caught:
            await dial(EngineEndpoint(scheme="unix", path=path), timeout=0.05)
    assert type(caught.value) is TimeoutError


# --- tcp


async def test_tcp_sends_at_once_and_notices_a_dead_peer() -> None:
    async with serving() as port, await dial(EngineEndpoint.parse(f"tcp://127.0.0.1:{port}")) as stream:
        await stream.send(b"ping")
        assert await stream.receive() == b"ping"
        sock = stream.extra(SocketAttribute.raw_socket)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        idle, interval, count = (
            sock.getsockopt(socket.IPPROTO_TCP, option)
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        )
        assert idle + interval * count <= module.VANISHED_AFTER
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1000 * module.VANISHED_AFTER
        await stream.send_eof()
        with pytest.raises(EndOfStream):
            await stream.receive()
        assert has_pending(stream)


async def test_pending_on_tcp() -> None:
    async with serving() as port:
        stream = await dial(EngineEndpoint.parse(f"tcp://127.0.0.1:{port}"))
        assert not has_pending(stream)
        await stream.aclose()
        assert has_pending(stream)


async def test_a_stream_without_a_socket_is_never_pending() -> None:
    send, receive = create_memory_object_stream[bytes](1)
    async with send, receive:
        assert not has_pending(StapledByteStream(send, receive))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


async def test_a_port_without_a_listener() -> None:
    with pytest.raises(EngineConnectionError, match="nobody listens on this port; is the engine running"):
        await dial(EngineEndpoint.parse(f"tcp://127.0.0.1:{unused_port()}"))


async def test_a_host_that_does_not_exist() -> None:
    with pytest.raises(EngineConnectionError, match="the host name can't be resolved"):
        await dial(EngineEndpoint.parse("tcp://no-such-host.invalid"))


async def test_an_address_that_can_not_be_reached() -> None:
    with pytest.raises(EngineConnectionError, match=r"tcp://255.255.255.255:2375: can't connect: .*the firewall"):
        await dial(EngineEndpoint.parse("tcp://255.255.255.255"))


@pytest.mark.parametrize("parts", [1, 2])
def test_the_kernel_s_own_time_out_stays_a_time_out(parts: int) -> None:
    endpoint = EngineEndpoint.parse("tcp://h")
    late = [OSError(errno.ETIMEDOUT, "late") for _ in range(parts)]
    error = OSError("all failed")
    error.__cause__ = late[0] if parts == 1 else ExceptionGroup("all", late)
    assert type(module._explain(endpoint, error)) is TimeoutError


def test_several_addresses_each_say_what_was_wrong() -> None:
    endpoint = EngineEndpoint.parse("tcp://h")
    error = OSError("all failed")
    words = [OSError(errno.ECONNREFUSED, "Refused"), OSError(errno.EHOSTUNREACH, "No route"), OSError(1, "Refused")]
    error.__cause__ = ExceptionGroup("all", words)
    assert "can't connect: refused; no route;" in str(module._explain(endpoint, error))
    assert "can't connect: all failed;" in str(module._explain(endpoint, OSError("all failed")))


# --- TLS


class Certificates:
    """An authority, a server's context, and files for the client."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        self.folder = folder
        self.ca = self.write("ca", self.authority.cert_pem)
        client = self.authority.issue_cert("client@example.org")
        self.cert = self.write("cert", client.cert_chain_pems[0])
        self.key = self.write("key", client.private_key_pem)

    def write(self, name: str, blob: trustme.Blob) -> str:
        path = self.folder / f"{name}.pem"
        blob.write_to_path(str(path))
        return str(path)

    def drop(self, name: str, text: str | None = None) -> None:
        path = self.folder / f"{name}.pem"
        path.unlink()
        if text is not None:
            path.write_text(text)

    def server(self, host: str = "127.0.0.1", *, mutual: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.authority.issue_cert(host).configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
        if mutual:
            self.authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
            context.verify_mode = ssl.CERT_REQUIRED
        return context


@pytest.fixture
def certs(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def endpoint_at(port: int, files: TLSFiles) -> EngineEndpoint:
    return EngineEndpoint.parse(f"tcp://127.0.0.1:{port}", tls=files)


async def tls_failure(endpoint: EngineEndpoint) -> EngineConnectionError:
    with pytest.raises(EngineConnectionError) as caught:
        await dial(endpoint)
    assert caught.value.endpoint == str(endpoint)
    return caught.value


async def test_tls_with_the_client_s_certificate(certs: Certificates) -> None:
    files = TLSFiles(certs.ca, certs.cert, certs.key)
    async with serving(certs.server(mutual=True)) as port, await dial(endpoint_at(port, files)) as stream:
        assert isinstance(stream, TLSByteStream)
        await stream.send(b"ping")
        assert await stream.receive() == b"ping"
        assert stream.extra(TLSAttribute.tls_version).startswith("TLS")
        assert not has_pending(stream)


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_connection_over_tcp_that_is_broken_off_says_so(certs: Certificates, *, encrypted: bool) -> None:
    async def quiet(stream: ByteStream) -> None:
        async with stream:
            with suppress(BrokenResourceError, ssl.SSLError):
                async for _ in stream:
                    pass

    async with serving(certs.server() if encrypted else None, quiet) as port:
        endpoint = (
            endpoint_at(port, TLSFiles(certs.ca)) if encrypted else EngineEndpoint.parse(f"tcp://127.0.0.1:{port}")
        )
        said = await what_a_reader_gets(Connection(await dial(endpoint), "x"))
    assert ["this client has been closed" in words for words in said] == [True, True]


async def test_tls_has_no_half_close(certs: Certificates) -> None:
    files = TLSFiles(certs.ca)
    async with serving(certs.server()) as port, await dial(endpoint_at(port, files)) as stream:
        with pytest.raises(UnsupportedOperationError, match="docker does not support half-close"):
            await stream.send_eof()


async def test_tls_without_verification_takes_any_certificate(certs: Certificates) -> None:
    async with (
        serving(certs.server("other.example")) as port,
        await dial(endpoint_at(port, TLSFiles(verify=False))) as stream,
    ):
        await stream.send(b"ping")
        assert await stream.receive() == b"ping"


async def test_a_certificate_of_another_authority_is_refused(certs: Certificates, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Certificates(tmp_path / "other")
    async with serving(certs.server()) as port:
        error = await tls_failure(endpoint_at(port, TLSFiles(other.ca)))
    assert "the engine's certificate is not trusted: " in error.problem
    assert "ca.pem" in error.advice


async def test_a_certificate_for_another_host_is_refused(certs: Certificates) -> None:
    async with serving(certs.server("other.example")) as port:
        error = await tls_failure(endpoint_at(port, TLSFiles(certs.ca)))
    assert "127.0.0.1" in error.problem


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_client_without_the_certificate_that_is_asked_for(certs: Certificates, version: ssl.TLSVersion) -> None:
    context = certs.server(mutual=True)
    context.minimum_version = context.maximum_version = version

    def refuse(sock: socket.socket) -> None:
        with suppress(ssl.SSLError):
            context.wrap_socket(sock, server_side=True)

    listener = socket.create_server(("127.0.0.1", 0))
    with answering(listener, refuse):
        endpoint = endpoint_at(listener.getsockname()[1], TLSFiles(certs.ca))
        with pytest.raises(EngineConnectionError, match="TLS: ") as caught:
            async with await dial(endpoint) as stream:
                await stream.receive()
    assert "cert" in caught.value.advice


async def test_a_service_without_tls(certs: Certificates) -> None:
    async def plain(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with serving(handler=plain) as port:
        error = await tls_failure(endpoint_at(port, TLSFiles(certs.ca)))
    assert error.problem == "TLS: wrong version number"
    assert "speak TLS" in error.advice


async def test_a_service_that_hangs_up_during_the_handshake(certs: Certificates) -> None:
    async def hang_up(stream: ByteStream) -> None:
        await stream.receive()
        await stream.aclose()

    async with serving(handler=hang_up) as port:
        error = await tls_failure(endpoint_at(port, TLSFiles(certs.ca)))
    assert "closed the connection during the handshake" in error.problem


async def test_a_service_that_never_shakes_hands_is_a_time_out(certs: Certificates) -> None:
    async with serving() as port:
        with pytest.raises(TimeoutError) as caught:
            await dial(endpoint_at(port, TLSFiles(certs.ca)), timeout=0)
        assert type(caught.value) is TimeoutError


async def test_a_garbled_record_breaks_the_connection(certs: Certificates) -> None:
    async def garble(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"fine")
            sock = stream.extra(SocketAttribute.raw_socket)
            with socket.socket(fileno=os.dup(sock.fileno())) as copy:
                copy.send(b"\x17\x03\x03\x00\x20" + b"x" * 32)
            await anyio.sleep_forever()

    async with serving(certs.server(), garble) as port, await dial(endpoint_at(port, TLSFiles(certs.ca))) as stream:
        await stream.send(b"x")
        assert await stream.receive() == b"fine"
        with pytest.raises(BrokenResourceError) as caught:
            await stream.receive()
        assert isinstance(caught.value.__cause__, ssl.SSLError)
        with pytest.raises(BrokenResourceError):
            await stream.send(b"x" * 100)


@pytest.mark.parametrize("missing", ["ca", "cert", "key"])
async def test_a_missing_file_is_named(certs: Certificates, missing: str) -> None:
    certs.drop(missing)
    async with serving(certs.server()) as port:
        error = await tls_failure(endpoint_at(port, TLSFiles(certs.ca, certs.cert, certs.key)))
    assert error.problem == f"TLS: can't read {certs.folder}/{missing}.pem: No such file or directory"
    assert "DOCKER_CERT_PATH" in error.advice


async def test_a_file_that_holds_no_certificate_is_named(certs: Certificates) -> None:
    certs.drop("cert", "nothing")
    async with serving(certs.server()) as port:
        error = await tls_failure(endpoint_at(port, TLSFiles(certs.ca, certs.cert, certs.key)))
    assert error.problem.startswith("TLS: can't use ")
    assert certs.cert in error.problem


def test_a_context_is_made_once_and_again_when_a_file_has_changed(certs: Certificates) -> None:
    files = TLSFiles(certs.ca, certs.cert, certs.key)
    endpoint = endpoint_at(1, files)
    context = make_context(endpoint, files)
    assert make_context(endpoint, TLSFiles(certs.ca, certs.cert, certs.key)) is context
    os.utime(certs.ca, ns=(1, 1))
    assert make_context(endpoint, files) is not context


def test_a_key_with_a_passphrase_is_an_error_and_not_a_question(certs: Certificates) -> None:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - this test alone needs it

    key = serialization.load_pem_private_key(Path(certs.key).read_bytes(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    Path(certs.key).write_bytes(locked)
    files = TLSFiles(certs.ca, certs.cert, certs.key)
    with pytest.raises(EngineConnectionError, match=r"TLS: can't use .*key\.pem"):
        make_context(endpoint_at(1, files), files)
