"""A consumer stops reading for a minute: another one on the same connection loses nothing, and waits for nothing."""

import re
import time
from collections import Counter
from statistics import median

import anyio

from clab_runtime import ContainerEvent, ContainerRuntime, EventGap, EventStreamOptions, Overflow, Stream, labels
from tests.contract.another import behind_proxy
from tests.contract.lab import open_lab
from tests.engines import Engine
from tests.faults.churn import LIFE, Churn, Truth
from tests.faults.proxy import EVENTS, Line, Proxy
from tests.faults.report import Report

PAUSE = 60
"""Seconds in which one of them does not read."""
ROOM = 10
"""Events that have room in the buffer of another one that does not read either."""
DELAY = 5.0
"""Seconds that an event may take to the consumer who reads, on a machine that has other things to do."""
ENOUGH = 30.0
"""Seconds after which no more is expected."""
_TIME = re.compile(rb'"timeNano": ?(\d+)')


class Reader:
    """A consumer who notes what it is told, and when."""

    def __init__(self, runtime: ContainerRuntime, lab: str, buffer: int = 10_000) -> None:
        options = EventStreamOptions(
            labels={labels.CONTAINERLAB: lab}, buffer=buffer, overflow=Overflow.DROP_OLDEST, give_up_after=ENOUGH
        )
        self.stream: Stream[ContainerEvent] = runtime.stream_events(options)
        self.told: list[tuple[float, ContainerEvent]] = []

    async def read(self) -> None:
        async for event in self.stream:
            self.told.append((time.monotonic(), event))

    @property
    def lives(self) -> Counter[tuple[str, str]]:
        """What has been told of the lives of containers."""
        return Counter((event.actor_full_id, str(event.action)) for _, event in self.told if event.action in LIFE)

    @property
    def gaps(self) -> int:
        return sum(isinstance(event, EventGap) for _, event in self.told)


def expected(truth: Truth) -> Counter[tuple[str, str]]:
    """Return what is to be told."""
    return Counter((container, str(action)) for container, life in truth.lives.items() for action in life)


def delays(reader: Reader, lines: list[Line]) -> list[float]:
    """Return the seconds between an event's passing by and its being told, in ascending order."""
    passed = {int(found[1]): line.at for line in lines if (found := _TIME.search(line.data))}
    return sorted(at - passed[event.time_nano] for at, event in reader.told if event.time_nano in passed)


async def scenario(engine: Engine, report: Report) -> None:
    """Have one who reads, one who does not, and one who does not and has hardly any room."""
    pause = report.scaled(PAUSE)
    async with open_lab(engine) as lab, behind_proxy(engine) as (proxy, runtime):
        proxy.note_lines()
        fast, slow, cramped = (Reader(runtime, lab.name, room) for room in (10_000, 10_000, ROOM))
        churn = Churn(lab, 1_000_000)
        async with fast.stream, slow.stream, cramped.stream, anyio.create_task_group() as tasks:
            tasks.start_soon(fast.read)
            await churn.run(anyio.current_time() + pause)
            before = (len(slow.told), len(cramped.told))
            await _until_all(fast, churn.truth)
            report.check(expected(churn.truth) == fast.lives, "the one who reads was not told all of it")
            report.check(before == (0, 0), "the others have read")
            tasks.start_soon(slow.read)
            tasks.start_soon(cramped.read)
            await _until_all(slow, churn.truth)
            tasks.cancel_scope.cancel()
        _tell(report, pause, (fast, slow, cramped), churn.truth, proxy)


def _tell(report: Report, pause: int, readers: tuple[Reader, Reader, Reader], truth: Truth, proxy: Proxy) -> None:
    fast, slow, cramped = readers
    took = delays(fast, proxy.lines)
    report.figure(
        f"nothing read for {pause} s: the one who reads was told {fast.lives.total()} of {truth.events} events, "
        f"{median(took) * 1000:.1f} ms after they came (at most {took[-1] * 1000:.0f} ms); afterwards the slow one "
        f"{slow.lives.total()}, the one with room for {ROOM} {cramped.lives.total()} and {cramped.gaps} gap; "
        f"{proxy.asked(EVENTS)} connection"
    )
    report.check(slow.lives == expected(truth), "the slow one, who has room for all, was not told all of it")
    report.check(cramped.gaps, "the one with little room was not told that it has lost something")
    report.check(not fast.gaps and not slow.gaps, "who has lost nothing was told of a gap")
    report.check(not report.is_large or took[-1] < DELAY, f"an event took {took[-1]:.1f} s")
    report.check(proxy.asked(EVENTS) == 1, f"{proxy.asked(EVENTS)} connections instead of one")


async def _until_all(reader: Reader, truth: Truth) -> None:
    """Wait until a reader has been told all, but not for ever."""
    with anyio.move_on_after(ENOUGH):
        while expected(truth) - reader.lives:  # noqa: ASYNC110 - nothing tells of it but what is tested
            await anyio.sleep(0.1)


def run(engine: Engine, report: Report) -> None:
    """Read on asyncio."""
    anyio.run(scenario, engine, report)
