"""Child processes that are waited for without the event loop's own subprocesses.

asyncio's lose the status when their watcher and kill() race to reap.
"""

import subprocess

import anyio

Process = subprocess.Popen[bytes]

FIRST_LOOK = 0.001
LAST_LOOK = 0.05
"""Seconds between looks whether a process has ended: doubled from the first to the last."""


async def ended(process: Process) -> None:
    """Wait until a process has ended, and reap it."""
    delay = FIRST_LOOK
    while process.poll() is None:
        await anyio.sleep(delay)
        delay = min(2 * delay, LAST_LOOK)
