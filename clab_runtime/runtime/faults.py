"""Engine faults that are known to pass: each has a name, a way to tell it, and so many tries."""

import logging
import re
from collections import Counter
from collections.abc import Awaitable, Callable

import anyio
import msgspec

from clab_runtime.errors import EngineInternalError

logger = logging.getLogger("clab_runtime")


class TransientFault(msgspec.Struct, frozen=True):
    """A fault that goes away when the call is made again."""

    name: str
    pattern: re.Pattern[str]
    """What the engine's message looks like."""
    delays: tuple[float, ...]
    """Seconds to wait before each further try."""


IPV6_GATEWAY_EXISTS = TransientFault(
    "ipv6-gateway-exists", re.compile(r"ipv6 gateway.*file exists", re.IGNORECASE | re.DOTALL), (0.1, 0.2, 0.4)
)
"""Containers that start at once on one network with IPv6 get in each other's way (containerlab 3185)."""

START_FAULTS = (IPV6_GATEWAY_EXISTS,)


async def ride_out(
    faults: tuple[TransientFault, ...], counters: Counter[str], call: Callable[[], Awaitable[None]]
) -> None:
    """Make a call, and make it again while it fails with a fault that has tries left; count every fault by name."""
    tries: Counter[str] = Counter()
    while True:
        try:
            return await call()
        except EngineInternalError as exc:
            fault = next((fault for fault in faults if fault.pattern.search(exc.message)), None)
            if fault is None or tries[fault.name] >= len(fault.delays):
                raise
            logger.info("riding out %s: %s", fault.name, exc)
            delay = fault.delays[tries[fault.name]]
            tries[fault.name] += 1
            counters[fault.name] += 1
            await anyio.sleep(delay)
