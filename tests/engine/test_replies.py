"""Replies: values, or errors with the engine's own words."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from clab_runtime.engine.replies import decode, error_from_reply, is_error, read_all
from clab_runtime.errors import EngineInternalError, EngineProtocolError


class Thing(msgspec.Struct):
    name: str


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        *((status, False) for status in (101, 200, 201, 204, 304)),
        *((status, True) for status in (301, 307, 400, 404, 500, 599)),
    ],
)
def test_a_redirect_is_a_failure_and_not_modified_is_none(status: int, *, failure: bool) -> None:
    assert is_error(status) == failure


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"message":"words"}', "words"),
        (b'{"cause":"in use","message":"x: in use","response":500}', "x: in use"),
        (b'{"cause":"in use"}', "in use"),
        (b'{"message":null,"cause":null}', "(the engine gave no reason)"),
        (b"{}", "(the engine gave no reason)"),
        (b"", "(the engine gave no reason)"),
        (b" \n", "(the engine gave no reason)"),
        (b"plain text\n", "plain text"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'{"message":5}', '{"message":5}'),
        (b'{"message":"\xff"}', '{"message":"\ufffd"}'),
        (b'["x"]', '["x"]'),
        (b"x" * 100_000, "x" * 2000),
    ],
)
def test_the_engines_words_are_found(body: bytes, message: str) -> None:
    error = error_from_reply(500, body, "GET", "/x")
    assert (type(error), error.status, error.message) == (EngineInternalError, 500, message)


def test_a_reply_is_decoded() -> None:
    assert decode(b'{"name":"x","more":1}', Thing, "GET /x") == Thing("x")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"name":1}', b'{"name":"\xff"}', b"\xff", b"{}{}"])
def test_a_reply_that_is_none_names_the_call(body: bytes) -> None:
    with pytest.raises(EngineProtocolError, match=r"GET /x: .* can't be read as .*Thing"):
        decode(body, Thing, "GET /x")


async def pieces(*items: bytes) -> AsyncIterator[bytes]:
    for item in items:
        yield item


@pytest.mark.anyio
@pytest.mark.parametrize("items", [(), (b"abc",), (b"ab", b"", b"c"), (b"12345", b"67890")])
async def test_a_body_up_to_the_limit_is_read_whole(items: tuple[bytes, ...]) -> None:
    assert await read_all(pieces(*items), 10, "GET /x") == b"".join(items)


@pytest.mark.anyio
async def test_a_body_over_the_limit_is_refused_without_reading_on() -> None:
    taken = 0

    class Endless:
        def __aiter__(self) -> "Endless":
            return self

        async def __anext__(self) -> bytes:
            nonlocal taken
            taken += 1
            return b"x"

    with pytest.raises(EngineProtocolError, match=r"GET /x: .* over the limit of 10 bytes"):
        await read_all(Endless(), 10, "GET /x")
    assert taken == 11
