"""Binds, volumes and port bindings as text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import Bind, GenericPortBinding, Volume

part = st.text(st.characters(codec="utf-8", exclude_characters=":,/\0"), min_size=1)


@pytest.mark.parametrize(
    ("text", "bind"),
    [
        ("/a:/b", Bind("/a", "/b")),
        ("/a:/b:ro,z", Bind("/a", "/b", "ro,z")),
        ("/b", Bind("", "/b")),
        ("~/x:/y", Bind("~/x", "/y")),
    ],
)
def test_a_bind_is_read_and_written(text: str, bind: Bind) -> None:
    assert Bind.parse(text) == bind
    assert str(bind) == text


@pytest.mark.parametrize(
    ("text", "volume"),
    [
        ("data:/b", Volume("data", "/b")),
        ("data:/b:ro,nocopy", Volume("data", "/b", ("ro", "nocopy"))),
        ("/b", Volume("", "/b")),
    ],
)
def test_a_volume_is_read_and_written(text: str, volume: Volume) -> None:
    assert Volume.parse(text) == volume
    assert str(volume) == text


@pytest.mark.parametrize("text", ["", ":", "a:", ":b", "a::ro", "a:b:", "a:b:ro:rw"])
def test_a_malformed_mount_is_refused_with_its_shape(text: str) -> None:
    with pytest.raises(InvalidValueError, match=r"bind: .*source:destination"):
        Bind.parse(text)
    with pytest.raises(InvalidValueError, match=r"volume: .*source:destination"):
        Volume.parse(text)


def test_a_volume_is_no_path_of_the_host() -> None:
    with pytest.raises(InvalidValueError, match="a path of the host goes into binds"):
        Volume.parse("/a:/b")


@given(name=part, dst=part, opts=st.lists(part))
def test_any_mount_survives_being_text(name: str, dst: str, opts: list[str]) -> None:
    bind, volume = Bind(name, dst, ",".join(opts)), Volume(name, dst, opts)
    assert Bind.parse(str(bind)) == bind
    assert Volume.parse(str(volume)) == volume


@pytest.mark.parametrize(
    ("binding", "text"),
    [
        (GenericPortBinding(host_ip="0.0.0.0", host_port=80, container_port=8080), "0.0.0.0:80/tcp -> 8080"),
        (GenericPortBinding(host_ip="::", host_port=53, container_port=53, protocol="udp"), "[::]:53/udp -> 53"),
    ],
)
def test_a_port_binding_reads_as_containerlab_shows_it(binding: GenericPortBinding, text: str) -> None:
    assert str(binding) == text
