"""Path segments, queries, and httpx's URL and headers that are parsed late."""

import re
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.engine.lazy import EngineURL, LazyHeaders
from clab_runtime.engine.target import QueryValue, segment, with_query
from clab_runtime.errors import InvalidValueError


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("c1", "c1"),
        ("busybox:latest", "busybox%3Alatest"),
        ("docker.io/library/x", "docker.io%2Flibrary%2Fx"),
        ("a/.../x", "a%2F...%2Fx"),
        ("x\r\nHost: y", "x%0D%0AHost%3A%20y"),
        ("50%", "50%25"),
        ("%zz", "%25zz"),
        ("x?y#z", "x%3Fy%23z"),
        ("é", "%C3%A9"),
        ("...", "..."),
        (" x ", "%20x%20"),
    ],
)
def test_a_segment_is_percent_encoded(value: str, written: str) -> None:
    assert segment(value, "id") == written


@given(st.text())
def test_any_text_is_one_segment_that_reads_back_or_is_refused(value: str) -> None:
    try:
        written = segment(value, "id")
    except InvalidValueError:
        is_a_way = {"", ".", ".."} & set(value.split("/"))
        is_read_once_more = "\0" in value or re.search(r"%[0-9a-fA-F]{2}", value)
        assert (
            not value.strip()
            or is_a_way
            or is_read_once_more
            or any("\ud800" <= letter <= "\udfff" for letter in value)
        )
        return
    assert written.isascii()
    assert written.isprintable()
    assert not set(written) & set("/?#\r\n &")
    assert unquote(written, errors="strict") == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "\n",
        ".",
        "..",
        "/x",
        "x/",
        "a//b",
        "a/../x",
        "../x",
        "\ud800",
        "\0",
        "a\0b",
        "%2e%2e",
        "%00",
        "x%31",
        None,
        5,
    ],
)
def test_what_no_object_can_be_called_is_refused_by_name(value: str) -> None:
    with pytest.raises(InvalidValueError, match=r"container: .* is not valid") as caught:
        segment(value, "container")
    assert (caught.value.field, caught.value.value) == ("container", value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("query", "target"),
    [
        (None, "/x"),
        ({}, "/x"),
        ({"a": None}, "/x"),
        ({"a": True, "b": False, "c": 0, "d": 1.5, "e": ""}, "/x?a=1&b=0&c=0&d=1.5&e="),
        ({"a": "b&c=d#?\r\n"}, "/x?a=b%26c%3Dd%23%3F%0D%0A"),
        ({"filters": {"label": ("a", "b")}}, "/x?filters=%7B%22label%22%3A+%5B%22a%22%2C+%22b%22%5D%7D"),
        ({"filters": {}}, "/x?filters=%7B%7D"),
    ],
)
def test_a_query_is_written_as_engines_read_it(query: dict[str, QueryValue] | None, target: str) -> None:
    assert with_query("/x", query) == target


def test_a_query_that_utf8_can_not_write_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="query"):
        with_query("/x", {"a": "\ud800"})


def test_a_late_url_is_an_ordinary_one_for_whoever_looks() -> None:
    url = EngineURL("http://localhost", "/v1.41/x%2Fy?a=b%26c")
    assert url.raw_path == b"/v1.41/x%2Fy?a=b%26c"
    assert "_uri_reference" not in vars(url)
    assert (url.scheme, url.host, url.path, url.query) == ("http", "localhost", "/v1.41/x/y", b"a=b%26c")
    assert url == httpx.URL("http://localhost/v1.41/x%2Fy?a=b%26c")
    assert httpx.URL(url).raw_path == url.raw_path
    assert urlsplit(str(url)).query == "a=b%26c"
    assert url.copy_with(scheme="https").scheme == "https"
    with pytest.raises(AttributeError, match="nothing"):
        _ = url.nothing


def test_late_headers_are_ordinary_ones_for_whoever_looks() -> None:
    headers = LazyHeaders([(b"X-A", b"1"), (b"x-a", b"2"), (b"B", b"caf\xe9")])
    assert headers["x-a"] == "1, 2"
    assert headers.get("none") is None
    assert "X-A" in headers
    assert headers.raw[0] == (b"X-A", b"1")
    assert dict(LazyHeaders([(b"A", b"b")])) == {"a": "b"}
    with pytest.raises(AttributeError, match="nothing"):
        _ = LazyHeaders([]).nothing
