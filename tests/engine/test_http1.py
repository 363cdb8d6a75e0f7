"""ResponseParser: answers split anywhere, without a body, without an end, too large, and no HTTP at all."""

from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.engine.http1 import MAX_HEAD, ResponseParser, request_head
from clab_runtime.errors import EngineProtocolError
from tests.engine.fake_engine import answer, chunked

Facts = tuple[int, bytes, bool, bool]

FIXED = answer(b"hello", "X-A: b")
CHUNKED = chunked(b"hel", b"l", b"o", headers=("X-A: b",))
INTERIM = b"HTTP/1.1 100 Continue\r\nX-Not: kept\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"
ANSWERS = {
    "fixed": (FIXED, (200, b"hello", True, True)),
    "chunked": (CHUNKED, (200, b"hello", True, True)),
    "chunked with trailers": (CHUNKED[:-2] + b"X-T: v\r\n\r\n", (200, b"hello", True, True)),
    "empty": (answer(), (200, b"", True, True)),
    "after interim answers": (INTERIM + FIXED, (200, b"hello", True, True)),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"", True, True)),
    "not modified": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", (304, b"", True, True)),
    "closing": (answer(b"x", "Connection: close"), (200, b"x", True, False)),
    "old": (FIXED.replace(b"1.1", b"1.0", 1), (200, b"hello", True, False)),
}


def fed(*pieces: bytes, head_only: bool = False) -> ResponseParser:
    parser = ResponseParser(head_only=head_only)
    for piece in pieces:
        parser.feed(piece)
    return parser


def feed_all(parser: ResponseParser, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        parser.feed(piece)


def facts(parser: ResponseParser) -> Facts:
    return parser.status, b"".join(parser.chunks), parser.complete, parser.keep_alive


@pytest.mark.parametrize(("data", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_the_same_however_it_is_split(data: bytes, expected: Facts) -> None:
    assert facts(fed(data)) == expected
    assert facts(fed(*(data[i : i + 1] for i in range(len(data))))) == expected
    for at in range(len(data)):
        assert facts(fed(data[:at], data[at:])) == expected


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=5), st.lists(st.integers(0, 400)))
def test_chunks_come_out_as_they_went_in_at_any_splits(pieces: list[bytes], cuts: list[int]) -> None:
    data = chunked(*pieces)
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    parser = fed(*(data[a:b] for a, b in pairwise(places)))
    assert facts(parser) == (200, b"".join(pieces), True, True)


@pytest.mark.parametrize("data", [FIXED, CHUNKED], ids=["fixed", "chunked"])
def test_an_answer_cut_off_at_any_byte_is_truncated(data: bytes) -> None:
    for at in range(1, len(data)):
        parser = fed(data[:at])
        if parser.complete:  # only the last line feed of chunked coding is missing
            continue
        with pytest.raises(EngineProtocolError, match=r"truncated: the connection ended inside its (head|body)"):
            parser.feed_eof()


def test_a_body_without_a_length_ends_with_the_connection() -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")
    assert parser.until_eof
    assert not parser.complete
    parser.feed_eof()
    assert facts(parser) == (200, b"abcdef", True, False)


def test_the_end_of_the_connection_after_the_answer_forbids_another_request() -> None:
    parser = fed(FIXED)
    parser.feed_eof()
    assert facts(parser) == (200, b"hello", True, False)


def test_take_hands_over_what_has_come_and_forgets_it() -> None:
    parser = fed(chunked(b"a", end=False))
    assert parser.take() == b"a"
    parser.feed(b"1\r\nb\r\n1\r\nc\r\n")
    assert parser.take() == b"bc"
    assert parser.take() == b""


def test_an_answer_to_head_has_no_body() -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", head_only=True)
    assert facts(parser) == (200, b"", True, True)


def test_a_body_that_follows_an_answer_to_head_is_no_body_and_spoils_the_connection() -> None:
    parser = fed(answer(b"body"), head_only=True)
    assert facts(parser) == (200, b"", True, False)


@pytest.mark.parametrize("second", [answer(b"no", status="500 Oops"), b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1"])
def test_a_second_answer_changes_nothing_of_the_first_but_spoils_the_connection(second: bytes) -> None:
    for pieces in ((FIXED + second,), (FIXED, second)):
        parser = fed(*pieces)
        assert facts(parser) == (200, b"hello", True, False)
        assert (b"X-A", b"b") in parser.headers
        assert len(parser.headers) == 2


def test_an_upgrade_keeps_the_bytes_that_came_along() -> None:
    head = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
    for at in range(len(head)):
        parser = fed(head[:at], head[at:] + b"\x01raw")
        assert parser.upgraded
        assert facts(parser) == (101, b"\x01raw", True, False)
    assert facts(fed(head)) == (101, b"", True, False)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x00\x01\x02",
        b"GET / HTTP/1.1\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
        b"\x15\x03\x01\x00\x02\x02P",  # a TLS alert
    ],
)
def test_what_is_not_http_is_refused(data: bytes) -> None:
    with pytest.raises(EngineProtocolError, match=r"not HTTP/1\.1"):
        fed(data)


@given(st.binary(min_size=1, max_size=300))
def test_any_bytes_are_an_answer_or_a_protocol_error(data: bytes) -> None:
    parser = ResponseParser()
    with suppress(EngineProtocolError):
        parser.feed(data)
        parser.feed_eof()


def large_head(size: int, *, field: str = "X") -> bytes:
    start = f"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{field}: ".encode()
    end = b"\r\n\r\n"
    return start + b"v" * (size - len(start) - len(end)) + end


@pytest.mark.parametrize("step", [1, 1000, MAX_HEAD * 4])
def test_a_head_over_its_limit_is_refused_in_dribbles_and_in_one_piece(step: int) -> None:
    data = large_head(MAX_HEAD + 50)
    parser = ResponseParser()
    with pytest.raises(EngineProtocolError, match="head of over 65536 bytes"):
        feed_all(parser, (data[at : at + step] for at in range(0, len(data), step)))


HEADERS = [b"X-%d: y\r\n" % number for number in range(100_000)]


def test_a_head_that_never_ends_is_refused() -> None:
    parser = fed(b"HTTP/1.1 200 OK\r\n")
    with pytest.raises(EngineProtocolError, match="head of over"):
        feed_all(parser, HEADERS)
    with pytest.raises(EngineProtocolError, match="head of over"):
        fed(*[b"HTTP/1.1 100 Continue\r\n\r\n" * 100] * 100)


def test_trailers_are_not_kept() -> None:
    parser = fed(chunked(b"x")[:-2])
    feed_all(parser, HEADERS)
    assert parser.headers == [(b"Transfer-Encoding", b"chunked")]


def test_a_reason_that_is_too_long_is_refused() -> None:
    data = b"HTTP/1.1 200 " + b"x" * MAX_HEAD + b"\r\nContent-Length: 0\r\n\r\n"
    for pieces in ((data,), (data[:1000], data[1000:])):
        with pytest.raises(EngineProtocolError, match="head of over"):
            fed(*pieces)


def test_a_head_up_to_its_limit_passes_with_any_amount_of_body_behind_it() -> None:
    assert fed(large_head(MAX_HEAD)).head_complete
    body = b"x" * (3 * MAX_HEAD)
    assert fed(answer(body)).take() == body
    body = b"x" * 90_000 + b"\r\n\r\n" + b"y" * 10_000
    head = answer(body)[: -len(body)]
    for at in range(len(head)):
        assert fed(head[:at], head[at:] + body).take() == body, f"split at {at - len(head)}"
    data = answer(body, "X-Long: " + "v" * 60_000)
    assert fed(data[:60_000], data[60_000:]).take() == body


def test_a_request_head_is_written_as_it_is_given() -> None:
    written = request_head("POST", b"/v1.41/x?y=1", [(b"Host", b"localhost"), (b"X", b"")])
    assert written == b"POST /v1.41/x?y=1 HTTP/1.1\r\nHost: localhost\r\nX: \r\n\r\n"


@pytest.mark.parametrize("junk", [b"junk", b"\0", b"\r\n\r\nx", b"HTTP/9.9 what"])
def test_junk_behind_an_answer_never_leaves_the_connection_in_use(junk: bytes) -> None:
    parser = fed(FIXED)
    with suppress(EngineProtocolError):
        parser.feed(junk)
    assert (parser.status, b"".join(parser.chunks)) == (200, b"hello")
    assert not parser.keep_alive
