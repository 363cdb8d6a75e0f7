"""Writing to a container's standard input on Podman, every byte as it is and in order.

Podman reads the data, passes it on, and says nothing; whoever leaves too soon leaves what Podman has not yet passed on
behind. But it hangs up by itself once it has found the detach keys, and it finds them behind all that it has passed on.
Older ones know only keys that come one by one, each alone in what they read: so each is sent when the kernel says that
Podman has read all before. That is so on a unix socket; elsewhere the data gets a moment.

While attached, a client gets the container's output, which has to be read, or Podman stops reading.

What Podman has passed on may still wait for a container that reads slowly, and then two writes in a row can get mixed:
each is whole and in order, but Podman's monitor takes from both in turn. Nothing tells when it has taken the first.
"""

import string
from itertools import count, product

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.tasks import race
from clab_runtime.errors import EngineProtocolError
from clab_runtime.runtime.diagnosis import raise_unless_running
from clab_runtime.runtime.stdin import as_bytes, hand_over, until_end

MOMENT = 0.2
"""Seconds for what has been sent over a network to get through."""

_FIRST_LOOK, _LAST_LOOK = 0.001, 0.05
_SHORTEST = 2


async def write_to_stdin(engine: EngineClient, container: str, data: bytes, seconds: float) -> None:
    """Hand data over to a running container within so many seconds; POST /containers/{id}/attach.

    Without a TTY, which no node is, the container's input ends with it. Raises TimeoutError when the container reads
    too little for the rest to find room.
    """
    data = as_bytes(data)

    async def send(engine: EngineClient, duplex: Duplex, keys: str, piece: bytes) -> None:
        await raise_unless_running(engine, container)  # one that ended just before is made ready anew by attaching
        await _send(duplex, keys, piece)

    pieces = [(_free_keys(data), data)] if data else []  # attaching alone may end the input
    await hand_over(engine, container, pieces, seconds, send, output=True)


async def _send(duplex: Duplex, keys: str, data: bytes) -> None:
    """Send the data, and wait until Podman has passed it on."""
    sent, over = anyio.Event(), anyio.Event()

    async def send() -> None:
        await duplex.send(data)
        sent.set()  # whoever hangs up with some of it unread resets the connection
        if not await _taken(duplex):
            await anyio.sleep(MOMENT)
            return
        over.set()
        for key in _codes(keys):
            await duplex.send(key)
            await _taken(duplex)
        await anyio.sleep_forever()  # Podman hangs up

    try:
        await race((send, lambda: until_end(duplex)))
    except (anyio.BrokenResourceError, EngineProtocolError):  # the container has ended
        if not over.is_set():
            raise
    if not sent.is_set():
        raise EngineProtocolError("it has hung up")


async def _taken(duplex: Duplex) -> bool:
    """Wait until Podman has read all that was sent; False: nobody tells."""
    for delay in growing_delays(_FIRST_LOOK, _LAST_LOOK):
        taken = duplex.all_taken()
        if taken is not False:
            return taken is True
        await anyio.sleep(delay)
    raise AssertionError  # the delays have no end


def _free_keys(data: bytes) -> str:
    """Find detach keys that the data neither has, nor ends with the first of."""
    for length in count(_SHORTEST):
        for letters in product(string.ascii_lowercase, repeat=length):
            keys = ",".join(f"ctrl-{letter}" for letter in letters)
            codes = b"".join(_codes(keys))
            if codes not in data and codes[:1] not in data[-length:]:
                return keys
    raise AssertionError  # no data has all keys of all lengths


def _codes(keys: str) -> list[bytes]:
    """Return the control characters that keys stand for."""
    return [bytes([ord(key[-1]) - ord("a") + 1]) for key in keys.split(",")]
