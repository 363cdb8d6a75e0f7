"""Image references: the docker CLI's short forms, the grammar, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.engine.reference import ImageReference
from clab_runtime.errors import InvalidValueError

SHA256 = "sha256:" + "0123456789abcdef" * 4

component = st.from_regex(r"[a-z0-9]{1,8}((\.|_|__|-{1,3})[a-z0-9]{1,8}){0,2}", fullmatch=True)
label = st.from_regex(r"[a-zA-Z0-9]{1,5}(-[a-zA-Z0-9]{1,5})?", fullmatch=True)
domain = st.one_of(
    st.just("docker.io"),
    st.just("localhost"),
    st.just("[fd00::1]:5000"),
    st.builds("{}.{}".format, label, label),
    st.builds("{}:{}".format, label, st.integers(1, 65535)),
)
reference = st.builds(
    ImageReference,
    domain=domain,
    path=st.lists(component, min_size=2, max_size=4).map("/".join),
    tag=st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}", fullmatch=True),
    digest=st.sampled_from(["", SHA256, "sha512:" + "ab" * 64]),
)


@pytest.mark.parametrize(
    ("text", "full", "familiar"),
    [
        ("alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("alpine:3", "docker.io/library/alpine:3", "alpine:3"),
        ("library/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("frr/frr", "docker.io/frr/frr:latest", "frr/frr:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("index.docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest"),
        ("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"),
        ("reg:5000/x", "reg:5000/x:latest", "reg:5000/x:latest"),
        ("reg:5000/x:1", "reg:5000/x:1", "reg:5000/x:1"),
        ("reg:5000", "docker.io/library/reg:5000", "reg:5000"),
        ("localhost/x", "localhost/x:latest", "localhost/x:latest"),
        ("Host/x", "Host/x:latest", "Host/x:latest"),
        ("ghcr.io/nokia/srlinux:24.10", "ghcr.io/nokia/srlinux:24.10", "ghcr.io/nokia/srlinux:24.10"),
        ("[::1]:5000/a/b__c:T_1", "[::1]:5000/a/b__c:T_1", "[::1]:5000/a/b__c:T_1"),
        (f"alpine@{SHA256}", f"docker.io/library/alpine@{SHA256}", f"alpine@{SHA256}"),
        (f"reg:5000/x:1@{SHA256}", f"reg:5000/x:1@{SHA256}", f"reg:5000/x:1@{SHA256}"),
        ("a" * 237, f"docker.io/library/{'a' * 237}:latest", f"{'a' * 237}:latest"),
    ],
)
def test_a_reference_is_normalised_as_the_docker_cli_does(text: str, full: str, familiar: str) -> None:
    parsed = ImageReference.parse(text)
    assert str(parsed) == full
    assert parsed.familiar == familiar
    assert str(ImageReference.parse(full)) == full


def test_the_parts_of_a_reference_can_be_read() -> None:
    assert ImageReference.parse(f"reg:5000/a/b:1@{SHA256}") == ImageReference("reg:5000", "a/b", "1", SHA256)
    assert ImageReference.parse("alpine").repository == "docker.io/library/alpine"


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "write"),
        (" alpine", "write"),
        ("alpine\n", "write"),
        ("al pine", "write"),
        ("https://reg/x", "write"),
        ("a//b", "write"),
        ("/a", "write"),
        ("a/", "write"),
        ("-a", "write"),
        ("a..b", "write"),
        ("a___b", "write"),
        ("reg:port/x", "write"),
        ("-reg.io/x", "write"),
        ("a:b:c", "write"),
        ("Alpine", "lower case"),
        ("reg.io/Alpine", "lower case"),
        ("alpine:", "a tag has"),
        ("alpine:-1", "a tag has"),
        ("alpine:" + "a" * 129, "a tag has"),
        ("alpine:é", "a tag has"),
        ("alpine@", "a digest is"),
        ("alpine@sha256:12", "a digest is"),
        ("alpine@" + SHA256.upper(), "a digest is"),
        ("alpine@md5:" + "0" * 32, "a digest is"),
        (f"alpine@{SHA256}@{SHA256}", "a digest is"),
        ("0123456789abcdef" * 4, "id"),
        ("a" * 238, "at most 255"),
    ],
)
def test_what_is_no_reference_is_refused_with_advice(text: str, advice: str) -> None:
    with pytest.raises(InvalidValueError, match=advice) as raised:
        ImageReference.parse(text)
    assert raised.value.field == "image"


@given(reference)
def test_any_reference_survives_being_text(wanted: ImageReference) -> None:
    assert ImageReference.parse(str(wanted)) == wanted
    assert ImageReference.parse(wanted.familiar) == wanted


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_an_invalid_value(text: str) -> None:
    try:
        parsed = ImageReference.parse(text)
    except InvalidValueError:
        return
    assert ImageReference.parse(str(parsed)) == parsed
    assert parsed.tag or parsed.digest
