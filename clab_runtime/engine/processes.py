"""Child processes that are waited for without the event loop's own subprocesses.

asyncio's lose the status when their watcher and kill() race to reap.
"""

import subprocess

import anyio

from clab_runtime.backoff import growing_delays

Process = subprocess.Popen[bytes]

FIRST_LOOK = 0.001
LAST_LOOK = 0.05
"""Seconds between looks whether a process has ended, the first and the last."""


async def ended(process: Process) -> None:
    """Wait until a process has ended, and reap it."""
    for delay in growing_delays(FIRST_LOOK, LAST_LOOK):
        if process.poll() is not None:
            return
        await anyio.sleep(delay)
