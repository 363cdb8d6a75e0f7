"""Two hundred thousand lines through a hundred cuts: none is lost, doubled or torn."""

import shlex
from dataclasses import dataclass
from random import Random

import anyio

from clab_runtime import ContainerRuntime
from tests.contract.another import behind_proxy
from tests.contract.lab import open_lab
from tests.engines import Engine
from tests.faults.proxy import LOGS, Proxy
from tests.faults.report import Report

LINES, CUTS = 200_000, 100
BATCH = 200
"""Lines that are written at once."""
PATIENCE = 900.0
"""Seconds that all of it may take."""


def writer(lines: int) -> str:
    """Write a shell script that writes lines, each its number, over some time, and then stays."""
    return (
        f"i=0; while [ $i -lt {lines} ]; do seq $((i+1)) $((i+{BATCH})) | sed 's/.*/line & of the log/'; "
        f"i=$((i+{BATCH})); sleep 0.02; done; sleep 100000"
    )


@dataclass(frozen=True, slots=True)
class Size:
    """How many lines there are, and how often the connection is to be cut meanwhile."""

    lines: int
    cuts: int


async def follow(runtime: ContainerRuntime, proxy: Proxy, container: str, size: Size, report: Report) -> int:
    """Read all lines, cutting the connection while they come; return how many cuts there were."""
    moments, done = Random(3), 0
    async with runtime.stream_logs(container) as log:
        for number in range(1, size.lines + 1):
            data = (await anext(log)).data
            if data != b"line %d of the log" % number:
                report.check(holds=False, failure=f"line {number} is {data!r}, after {done} cuts")
                break
            if number > (done + 1) * size.lines // (size.cuts + 1):
                done += proxy.truncate(moments.randrange(1, 5000), LOGS)
            report.progress(f"{number} lines, {done} cuts")
    return done


async def scenario(engine: Engine, report: Report) -> None:
    """Follow a container without a terminal, and one with a terminal that says a tenth of it."""
    lines, cuts = report.scaled(LINES // BATCH) * BATCH, report.scaled(CUTS)
    tenth = Size(max(lines // 10 // BATCH, 1) * BATCH, max(cuts // 10, 1))
    async with open_lab(engine) as lab, behind_proxy(engine) as (proxy, runtime):
        name = await lab.plain(writer(lines))
        await _measure(runtime, proxy, name, Size(lines, cuts), report)
        await lab.remove(name)
        name = await lab.up("terminal", f"sh -c {shlex.quote(writer(tenth.lines))}")
        await _measure(runtime, proxy, name, tenth, report)


async def _measure(runtime: ContainerRuntime, proxy: Proxy, name: str, size: Size, report: Report) -> None:
    begun, requests = report.elapsed, proxy.asked(LOGS)
    with anyio.fail_after(PATIENCE):
        cuts = await follow(runtime, proxy, name, size, report)
    report.figure(
        f"{size.lines} lines of {name.rpartition('-')[2]} through {cuts} cuts in {report.elapsed - begun:.1f} s, "
        f"{proxy.asked(LOGS) - requests} requests"
    )
    report.check(cuts >= size.cuts, f"only {cuts} cuts were made")


def run(engine: Engine, report: Report) -> None:
    """Follow on asyncio."""
    anyio.run(scenario, engine, report)
