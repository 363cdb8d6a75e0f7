"""Stopping a container by a signal of the caller's choice, the same way on every engine and version."""

import signal as signals
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio

from clab_runtime.engine import schema
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


Stop = Callable[[schema.ContainerInspect], Awaitable[None]]
"""What stops a container by force and for good, whatever its state."""


async def stop_with_signal(  # noqa: PLR0913 - what the engines do in ways of their own comes in one call
    engine: EngineClient, container: str, signal: str, seconds: float, stop: Stop, *, thaw: bool
) -> None:
    """Send a signal, and kill the container unless it has ended within so many seconds.

    Engines below API 1.42 ignore the signal of a stop, as Podman does. After any signal by POST /containers/{id}/kill
    the container counts as stopped by hand; the stop at the end makes sure that no restart policy starts it again.
    `thaw`: a frozen container has to be told to go on before it gets the signal.
    """
    number = signal_number(signal)
    inspect = await engine.containers.inspect(container)
    with suppress(NotFoundError):  # one that removes itself
        with suppress(ConflictError):  # it does not run, which the stop tells apart
            await engine.containers.kill(inspect.id, str(int(number)))
            if thaw and inspect.state.paused:
                await engine.containers.unpause(inspect.id)
            with anyio.move_on_after(seconds):
                await engine.containers.wait(inspect.id)
        await stop(inspect)
