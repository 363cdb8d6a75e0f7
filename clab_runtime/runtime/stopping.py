"""Stopping a container by a signal of the caller's choice, the same way on every engine and version."""

import signal as signals
from contextlib import suppress

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.errors import ConflictError, InvalidValueError, NotFoundError
from clab_runtime.models.given import check_text

_ALLOWED = "give a signal's name, such as SIGTERM or term or SIGRTMIN+3, or its number"


def signal_number(signal: str) -> int:
    """Read a signal's name or number; raise InvalidValueError for what is none."""
    check_text("signal", signal)
    word = signal.upper().removeprefix("SIG")
    name, sign, offset = word.partition("-" if "-" in word else "+")
    try:
        if word.isascii() and word.isdecimal():
            number = int(word)
        else:
            number = signals.Signals[f"SIG{name}"] + _offset(name, sign, offset)
        if number in signals.valid_signals():
            return number
    except (KeyError, ValueError):
        pass
    raise InvalidValueError("signal", signal, _ALLOWED)


def _offset(name: str, sign: str, offset: str) -> int:
    """Read the distance from the first or the last real-time signal."""
    if not sign:
        return 0
    if (name, sign) not in {("RTMIN", "+"), ("RTMAX", "-")} or not (offset.isascii() and offset.isdecimal()):
        raise ValueError(offset)
    return int(sign + offset)


async def stop_with_signal(engine: EngineClient, container: str, signal: str, seconds: float) -> None:
    """Send a signal, and kill the container unless it has ended within so many seconds.

    Engines below API 1.42 ignore the signal of a stop, as Podman does. After any signal by POST /containers/{id}/kill
    the container counts as stopped by hand; the stop at the end makes sure that no restart policy starts it again.
    """
    number = signal_number(signal)
    inspect = await engine.containers.inspect(container)
    with suppress(NotFoundError):  # one that removes itself
        with suppress(ConflictError):  # it does not run, which the stop tells apart
            await engine.containers.kill(inspect.id, str(int(number)))
            with anyio.move_on_after(seconds):
                await engine.containers.wait(inspect.id)
        await engine.containers.stop(inspect.id, timeout=0)
