"""Writing to a container's standard input, every byte as it is and in order.

Docker looks for the detach keys in what goes to a TTY. It swallows them and what stands behind them, and at the end of
the data their beginning, such as Ctrl-P, which routers know. So keys are chosen that the data does not have; data that
has them all goes in pieces. An attach whose sending side is closed ends when all has been handed over: that is awaited.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import pairwise, product

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.tasks import race
from clab_runtime.errors import EngineProtocolError, InvalidValueError, UnsupportedOperationError
from clab_runtime.runtime.diagnosis import raise_unless_running

LOOK_INTERVAL = 1.0
"""Seconds between two looks at whether the container still runs: the input of one that has ended is read by nobody."""

_KEYS = ("@", *map(chr, range(ord("a"), ord("z") + 1)), "[", "\\", "]", "^", "_")
"""How Docker calls the control characters, by their codes."""


HandOver = Callable[[EngineClient, Duplex, str, bytes], Awaitable[None]]
"""What sends a piece to an attached container, by way of detach keys that it does not have, and waits for its end."""


async def write_to_stdin(engine: EngineClient, container: str, data: bytes, seconds: float) -> None:
    """Hand data over to a running container within so many seconds; POST /containers/{id}/attach.

    Raises TimeoutError when the container reads too little for the rest to find room.
    """
    pieces = list(_pieces(as_bytes(data)))
    if len(pieces) > 1 and engine.endpoint.tls:
        raise UnsupportedOperationError(engine.endpoint.engine, "", "input with every control character over TLS")
    await hand_over(engine, container, pieces, seconds, _send, output=False)


def as_bytes(data: object) -> bytes:
    """Refuse what is no bytes; people pass text."""
    if isinstance(data, bytes | bytearray):
        return bytes(data)
    if isinstance(data, memoryview):
        return data.tobytes()
    raise InvalidValueError("data", data, "give bytes, such as b'reboot\\n'")


async def hand_over(  # noqa: PLR0913 - what the engines do in ways of their own comes in one call
    engine: EngineClient,
    container: str,
    pieces: Iterable[tuple[str, bytes]],
    seconds: float,
    send: HandOver,
    *,
    output: bool,
) -> None:
    """Attach to a running container for each piece, with or without its output, and send it."""
    await raise_unless_running(engine, container)
    size = 0
    with anyio.move_on_after(seconds) as scope:
        for keys, piece in pieces:
            size += len(piece)
            async with await engine.containers.attach(container, stdin=True, output=output, detach_keys=keys) as duplex:
                await _watched(engine, container, lambda: send(engine, duplex, keys, piece))  # noqa: B023 - called here
    if scope.cancelled_caught:
        raise TimeoutError(f"container {container!r} has not taken {size} bytes of input in {seconds:g} s")


async def _watched(engine: EngineClient, container: str, send: Callable[[], Awaitable[None]]) -> None:
    """Send, and wait until the engine has taken it, unless the container ends first."""

    async def watch() -> None:
        while True:
            await anyio.sleep(LOOK_INTERVAL)
            await raise_unless_running(engine, container)

    try:
        await race((send, watch))
    except (anyio.BrokenResourceError, EngineProtocolError) as exc:
        await raise_unless_running(engine, container)
        raise EngineProtocolError(f"the engine has not taken all input of container {container!r}: {exc}") from exc


async def _send(engine: EngineClient, duplex: Duplex, keys: str, piece: bytes) -> None:  # noqa: ARG001 - of no use here
    """Send a piece and wait for the engine's end; over TLS, which has no half-close, closing has to do."""
    await duplex.send(piece)
    if not engine.endpoint.tls:
        await duplex.send_eof()
        await until_end(duplex)


async def until_end(duplex: Duplex) -> None:
    """Wait until the engine hangs up."""
    try:
        while True:
            await duplex.receive()
    except anyio.EndOfStream:
        return


def _pieces(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Cut data into pieces, each with detach keys that it does not have: mostly the whole."""
    if keys := _free_keys(data):
        yield keys, data
    elif data:
        middle = len(data) // 2
        yield from _pieces(data[:middle])
        yield from _pieces(data[middle:])


def _free_keys(data: bytes) -> str:
    """Find two control characters that never follow each other in the data, the first of which is not its last byte."""
    pairs = set(pairwise(data))
    last = data[-1:]
    for first, second in product(reversed(range(len(_KEYS))), repeat=2):
        if first != second and (first, second) not in pairs and last != bytes([first]):
            return f"ctrl-{_KEYS[first]},ctrl-{_KEYS[second]}"
    return ""
