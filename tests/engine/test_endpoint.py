"""EngineEndpoint as a value: what it takes, what it refuses, how it shows."""

import re
from collections.abc import Callable

import pytest

from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.errors import InvalidValueError


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("unix:///var/run/docker.sock", "unix:///var/run/docker.sock"),
        ("unix:///a%20b c/@.sock", "unix:///a%20b c/@.sock"),
        ("tcp://engine.example", "tcp://engine.example:2375"),
        ("tcp://engine.example:1234/", "tcp://engine.example:1234"),
        ("tcp://10.0.0.1:65535", "tcp://10.0.0.1:65535"),
        ("tcp://[::1]", "tcp://[::1]:2375"),
        ("tcp://[fe80::1%eth0]:99", "tcp://[fe80::1%eth0]:99"),
        ("ssh://host", "ssh://host"),
        ("ssh://host/", "ssh://host"),
        ("ssh://me@my_host.example:2222", "ssh://me@my_host.example:2222"),
        ("ssh://me@[2001:db8::1]:2222/run/podman/podman.sock", "ssh://me@[2001:db8::1]:2222/run/podman/podman.sock"),
    ],
)
def test_parse_reads_what_docker_host_holds_and_str_writes_it(url: str, shown: str) -> None:
    endpoint = EngineEndpoint.parse(url)
    assert str(endpoint) == shown
    assert repr(endpoint) == f"EngineEndpoint({shown!r})"
    assert EngineEndpoint.parse(shown) == endpoint
    assert hash(EngineEndpoint.parse(shown)) == hash(endpoint)


def test_tls_moves_the_default_port_and_shows_no_file() -> None:
    endpoint = EngineEndpoint.parse("tcp://h", tls=TLSFiles("/secret/ca.pem"))
    assert endpoint.port == 2376
    assert "secret" not in repr(endpoint)
    assert endpoint != EngineEndpoint.parse("tcp://h:2376")


def test_tls_and_identity_stay_with_their_scheme() -> None:
    tls = TLSFiles()
    assert EngineEndpoint.parse("ssh://h", tls=tls, identity="/k") == EngineEndpoint(
        scheme="ssh", host="h", identity="/k"
    )
    assert EngineEndpoint.parse("tcp://h", tls=tls, identity="/k") == EngineEndpoint(scheme="tcp", host="h", tls=tls)
    assert EngineEndpoint.parse("unix:///s", tls=tls, identity="/k") == EngineEndpoint(scheme="unix", path="/s")


def test_an_endpoint_can_not_be_changed() -> None:
    with pytest.raises(AttributeError):
        EngineEndpoint.parse("tcp://h").port = 1  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/var/run/docker.sock",
        "localhost:2375",
        "fd://",
        "npipe:////./pipe/docker_engine",
        "http://h",
        "UNIX:///s",
        "unix://",
        "unix://relative.sock",
        "unix:///with\0nul",
        "unix:///with\nline",
        "unix:///" + "a" * 107,
        "unix:///" + "é" * 54,
        "tcp://",
        "tcp://:2375",
        "tcp://h:0",
        "tcp://h:65536",
        "tcp://h:port",
        "tcp://h:",
        "tcp://h:1:2",
        "tcp://h/prefix",
        "tcp://h?x=y",
        "tcp://me@h",
        "tcp://[::1",
        "tcp://[zz]",
        "tcp://[]",
        "tcp://-h",
        "tcp://a b",
        "ssh://",
        "ssh://-oProxyCommand=x",
        "ssh://-lroot@h",
        "ssh://$(x)@h",
        "ssh://me@h;x",
        "ssh://h/" + "a" * 107,
        "ssh://h/a\tb",
    ],
)
def test_parse_refuses_what_is_no_address_and_names_it(url: str) -> None:
    with pytest.raises(InvalidValueError, match="DOCKER_HOST: ") as caught:
        EngineEndpoint.parse(url, field="DOCKER_HOST")
    assert caught.value.field == "DOCKER_HOST"
    assert caught.value.value in {url, re.sub("://.*@", "://***@", url)}


def test_a_socket_path_of_107_bytes_is_taken() -> None:
    assert len(EngineEndpoint.parse("unix:///" + "a" * 106).path) == 107


@pytest.mark.parametrize("url", ["ssh://me:s3cret@h", "ssh://me:s3c/r3t@h", "tcp://me:s3cret@h", "http://me:s3cret@h"])
def test_a_password_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        EngineEndpoint.parse(url)
    assert "s3c" not in str(caught.value)
    assert "s3c" not in str(caught.value.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: EngineEndpoint(scheme="ftp", host="h"), "scheme"),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        (lambda: EngineEndpoint(scheme="unix", path="s"), "path"),
        (lambda: EngineEndpoint(scheme="unix", path="/s", host="h"), "endpoint"),
        (lambda: EngineEndpoint(scheme="tcp", host="h", path="/p"), "endpoint"),
        (lambda: EngineEndpoint(scheme="tcp", host="h", port=-1), "port"),
        (lambda: EngineEndpoint(scheme="ssh", host="-oProxyCommand=x"), "host"),
        (lambda: EngineEndpoint(scheme="ssh", host="h", user="-x"), "user"),
        (lambda: EngineEndpoint(scheme="ssh", host="h", tls=TLSFiles()), "tls"),
    ],
)
def test_an_endpoint_made_by_hand_is_checked_too(make: Callable[[], EngineEndpoint], field: str) -> None:
    with pytest.raises(InvalidValueError) as caught:
        make()
    assert caught.value.field == field


def test_what_stands_before_an_at_sign_is_hidden_even_without_a_scheme() -> None:
    with pytest.raises(InvalidValueError) as caught:
        EngineEndpoint.parse("me:s3cret@h")
    assert caught.value.value == "***@h"


def test_a_key_without_its_certificate_is_refused() -> None:
    assert TLSFiles(cert="/c").key is None
    with pytest.raises(InvalidValueError, match="a key goes with a certificate"):
        TLSFiles(key="/k")
