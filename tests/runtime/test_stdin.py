"""How input is cut into pieces, and what can't be sent."""

import pytest

from clab_runtime import (
    UnsupportedOperationError,
)
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.runtime.stdin import _pieces as pieces_of  # pyright: ignore[reportPrivateUsage]
from clab_runtime.runtime.stdin import write_to_stdin
from tests.contract.test_stdin import every_pair_of_control_characters

pytestmark = pytest.mark.anyio


CONTROL = bytes(range(32))


async def test_over_tls_what_would_have_to_go_in_pieces_is_refused_before_any_request() -> None:
    endpoint = EngineEndpoint.parse("tcp://127.0.0.1:1", tls=TLSFiles())
    with pytest.raises(UnsupportedOperationError, match="over TLS"):
        await write_to_stdin(EngineClient(endpoint), "r1", every_pair_of_control_characters(1), 1)


@pytest.mark.parametrize(
    "data", [b"", b"text\n", b"\x10\x11", b"\x1f", CONTROL, every_pair_of_control_characters(3) + b"\x1f"]
)
def test_no_piece_has_its_keys_or_ends_in_their_beginning(data: bytes) -> None:
    pieces = list(pieces_of(data))
    assert b"".join(piece for _, piece in pieces) == data
    for keys, piece in pieces:
        codes = bytes(ord(key[-1].upper()) - 64 for key in keys.split(","))
        assert codes not in piece
        assert not piece.endswith(codes[:1])
