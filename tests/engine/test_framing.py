"""The decoders of what engines stream: fed whole, byte by byte, at every split point, and anything at all."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Protocol, TypeVar

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clab_runtime.engine import framing
from clab_runtime.engine.framing import FrameDecoder, JSONDecoder, LineSplitter
from clab_runtime.errors import EngineProtocolError
from tests.engine.fake_engine import frame
from tests.engine.pieces import cut

T_co = TypeVar("T_co", covariant=True)
Frames = list[tuple[int, bytes]]


class Item(msgspec.Struct):
    """What the tests decode; any field but these is ignored, as with engines."""

    name: str = ""
    number: int = 0


class Decoder(Protocol[T_co]):
    def feed(self, data: bytes) -> Iterable[T_co]: ...

    def finish(self) -> Iterable[T_co] | None: ...


def decoded(decoder: Decoder[T_co], *pieces: bytes) -> list[T_co]:
    """Feed a decoder, and return all it gives, the rest at the end included."""
    items: list[T_co] = []
    for piece in pieces:
        items += decoder.feed(piece)
    items += decoder.finish() or ()
    return items


def every_way(data: bytes) -> Iterator[Sequence[bytes]]:
    """Split data in no, in all, and at each of its places."""
    yield (data,)
    yield [data[i : i + 1] for i in range(len(data))]
    for at in range(len(data) + 1):
        yield (data[:at], data[at:])


# ---------------------------------------------------------------- frames


FRAMES = [(1, b"out\n"), (2, b""), (2, b"err"), (0, b"\x00\x01"), (3, b"engine"), (1, b"x" * 300)]


def test_frames_are_the_same_however_they_are_split() -> None:
    data = b"".join(frame(*item) for item in FRAMES)
    for pieces in every_way(data):
        assert decoded(FrameDecoder(), *pieces) == FRAMES


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=40)), max_size=8), st.lists(st.integers(0, 500)))
def test_frames_come_out_as_they_went_in(frames: Frames, places: list[int]) -> None:
    data = b"".join(frame(*item) for item in frames)
    assert decoded(FrameDecoder(), *cut(data, places)) == frames


def test_frames_that_end_in_the_middle_are_truncated() -> None:
    data = frame(1, b"abc")
    for at in range(1, len(data)):
        decoder = FrameDecoder()
        assert list(decoder.feed(data[:at])) == []
        with pytest.raises(EngineProtocolError, match=f"truncated: {at} bytes of a frame"):
            decoder.finish()


@pytest.mark.parametrize(
    "data", [b"hello world", b"\x04\0\0\0\0\0\0\x01x", b"\x01\0\0\0\xff\0\0\0", b'{"message":"x"}']
)
def test_what_is_no_frame_is_refused_after_the_frames_before_it(data: bytes) -> None:
    decoder = FrameDecoder()
    items: list[tuple[int, bytes]] = []
    with pytest.raises(EngineProtocolError, match="not a frame"):
        items.extend(decoder.feed(data))
    assert not items
    with pytest.raises(EngineProtocolError, match="not a frame"):
        items.extend(iter(FrameDecoder().feed(frame(1, b"good") + data)))
    assert items in ([], [(1, b"good")])  # `extend` may or may not keep what came before
    feed = FrameDecoder().feed(frame(1, b"good") + data)
    assert next(feed) == (1, b"good")
    with pytest.raises(EngineProtocolError):
        next(feed)


@given(st.binary(max_size=100), st.lists(st.integers(0, 100)))
def test_any_bytes_are_frames_or_a_protocol_error(data: bytes, places: list[int]) -> None:
    try:
        items = decoded(FrameDecoder(), *cut(data, places))
    except EngineProtocolError:
        return
    assert sum(8 + len(payload) for _, payload in items) == len(data)


def test_a_frame_of_the_largest_size_passes_and_a_larger_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_ITEM", 10)
    assert decoded(FrameDecoder(), frame(1, b"x" * 10)) == [(1, b"x" * 10)]
    with pytest.raises(EngineProtocolError, match="not a frame"):
        list(FrameDecoder().feed(frame(1, b"x" * 11)[:8]))


# ---------------------------------------------------------------- lines


LINES = b"one\n\ntwo\r\nthr\xc3\xa9e\nlast"


def test_lines_are_the_same_however_they_are_split() -> None:
    for pieces in every_way(LINES):
        assert decoded(LineSplitter(), *pieces) == [b"one", b"", b"two\r", b"thr\xc3\xa9e", b"last"]


@given(st.binary(max_size=100), st.lists(st.integers(0, 100)))
@example(b"\n\n", [1])
def test_lines_put_together_again_are_what_came(data: bytes, places: list[int]) -> None:
    splitter = LineSplitter()
    lines = [line for piece in cut(data, places) for line in splitter.feed(piece)]
    assert splitter.pending == (not data.endswith(b"\n") and bool(data))
    rest = splitter.finish()
    assert not splitter.pending
    assert b"".join(line + b"\n" for line in lines) + b"".join(rest) == data
    assert all(b"\n" not in line for line in lines + rest)
    assert splitter.finish() == []


def test_a_line_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_ITEM", 10)
    splitter = LineSplitter()
    for _ in range(5):  # the size counted is the line's, not all lines'
        assert splitter.feed(b"1234567890") == []
        assert splitter.feed(b"\n") == [b"1234567890"]
    splitter.feed(b"1234567890")
    with pytest.raises(EngineProtocolError, match="line is over 10 bytes"):
        splitter.feed(b"x")


# ---------------------------------------------------------------- JSON


OBJECTS: list[dict[str, object]] = [
    {"name": "a", "number": 1},
    {},
    {"name": 'br{a}ce "quoted" \\ back\\"', "more": {"deep": [{"x": "}"}, "{"]}},
    {"name": "é\u2028\U0001f600\x1e\n", "number": -5},
    {"number": 7},
]
ITEMS = [msgspec.convert(item, Item) for item in OBJECTS]


def pretty(items: Iterable[object]) -> str:
    return "\n".join(json.dumps(item, indent=2) for item in items)


def raw(items: Iterable[object]) -> list[str]:
    return [json.dumps(item, ensure_ascii=False) for item in items]


FORMS: dict[str, Callable[[Iterable[object]], str]] = {
    "lines": lambda items: "".join(text + "\n" for text in raw(items)),
    "lines, the last without an end": lambda items: "\n".join(raw(items)),
    "CRLF": lambda items: "".join(text + "\r\n" for text in raw(items)),
    "nothing between": lambda items: "".join(raw(items)),
    "json-seq": lambda items: "".join(f"\x1e{text}\n" for text in raw(items)),
    "pretty-printed": pretty,
    "blank lines": lambda items: "\n\n" + "\n \t\n".join(raw(items)) + "\n\n",
    "two on a line": lambda items: " ".join(raw(items)) + "\n" + "".join(raw(items)[:0]),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_objects_are_the_same_however_they_are_split(form: Callable[[Iterable[object]], str]) -> None:
    data = form(OBJECTS).encode()
    for pieces in every_way(data):
        assert decoded(JSONDecoder(Item), *pieces) == ITEMS


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
json_objects = st.fixed_dictionaries({"name": st.text(max_size=10)}, optional={"more": json_values})


@given(st.lists(json_objects, max_size=6), st.sampled_from(sorted(FORMS)), st.lists(st.integers(0, 2000)))
def test_objects_come_out_as_they_went_in(objects: list[dict[str, object]], form: str, places: list[int]) -> None:
    data = FORMS[form](objects).encode()
    assert decoded(JSONDecoder(Item), *cut(data, places)) == [Item(name=str(item["name"])) for item in objects]


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_objects_that_end_in_the_middle_are_truncated(form: Callable[[Iterable[object]], str]) -> None:
    data = form(OBJECTS[2:3]).encode()
    begin, end = data.index(b"{") + 1, data.rindex(b"}")
    for at in range(begin, end + 1):
        decoder = JSONDecoder(Item)
        assert list(decoder.feed(data[:at])) == []
        with pytest.raises(EngineProtocolError, match="truncated inside"):
            decoder.finish()


@pytest.mark.parametrize(
    "garbage",
    [
        b"hello",
        b"<html>",
        b"}",
        b"}{",
        b'}{{"name":"x"}',
        b"[1]",
        b"12",
        b'"text"',
        b"null",
        b'{"name" "x"}',
        b"{'name': 1}",
        b'{"name": 5}',
        b'{"name": 5,\n"number": 6}',
        b'{"name":"x"}]',
        b'x{"name":"x"}',
        b"\x00{}",
        b'{"name":"\xff"}',
        b'{"name":"\xc3"}',
        b'{"more":"\xff"}x',
        b'{\n"name":"\xff"\n}',
    ],
)
def test_garbage_is_a_protocol_error_wherever_it_is_split(garbage: bytes) -> None:
    for pieces in every_way(garbage):
        with pytest.raises(EngineProtocolError):
            decoded(JSONDecoder(Item), *pieces)


@pytest.mark.parametrize("between", [b"\n", b"", b" "])
@pytest.mark.parametrize("garbage", [b"hello\n", b'{"name": 5}\n', b'{"name":"\xff"}\n'])
def test_objects_before_the_garbage_are_yielded(between: bytes, garbage: bytes) -> None:
    feed = JSONDecoder(Item).feed(b'{"name":"a"}' + between + garbage)
    assert next(feed) == Item("a")
    with pytest.raises(EngineProtocolError):
        next(feed)


@given(st.binary(max_size=60) | st.text('{}"\\:, \n1a\x1e', max_size=40).map(str.encode), st.lists(st.integers(0, 60)))
@example(b'{"a":"\xf0\x9f', [])
def test_any_bytes_are_objects_or_a_protocol_error(data: bytes, places: list[int]) -> None:
    with suppress(EngineProtocolError):
        decoded(JSONDecoder(Item), *cut(data, places))


def test_an_object_over_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_ITEM", 20)
    decoder = JSONDecoder(Item)
    for _ in range(5):
        assert list(decoder.feed(b'{"name":"1')) == []
        assert list(decoder.feed(b'234567"}')) == [Item("1234567")]
    assert list(decoder.feed(b'{"name":"12345678901')) == []
    with pytest.raises(EngineProtocolError, match="over 20 bytes"):
        list(decoder.feed(b"2"))


def test_white_space_without_end_counts_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "MAX_ITEM", 20)
    decoder = JSONDecoder(Item)
    for _ in range(1000):
        assert list(decoder.feed(b" \n" * 1000)) == []
    assert list(decoder.feed(b"{}")) == [Item()]
    decoder.finish()
