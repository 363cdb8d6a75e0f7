"""Merged logs, out of sources that tell nothing and take their time to end."""

from collections.abc import Sequence

import anyio
import pytest

from clab_runtime import LogLine, Stream
from clab_runtime.streams.merged_logs import MergedLogs
from tests.contract.lab import cancelled

pytestmark = pytest.mark.anyio


class SlowToEnd:
    """A silent log; who stops to read it is held up for a moment."""

    def __init__(self) -> None:
        self.is_read = anyio.Event()
        self.is_held_up = anyio.Event()
        self.closed = False

    async def open(self) -> None:
        """Have nothing to open."""

    async def next_batch(self) -> Sequence[LogLine] | None:
        self.is_read.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.is_held_up.set()
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
        return None

    async def aclose(self) -> None:
        self.closed = True


async def test_closing_closes_every_log_though_its_task_is_cancelled_meanwhile() -> None:
    sources = [SlowToEnd(), SlowToEnd()]
    log = Stream(MergedLogs([(str(index), log) for index, log in enumerate(sources)], follow=True, timestamps=False))
    await log.__aenter__()
    for source in sources:
        await source.is_read.wait()
    await cancelled(log.aclose, sources[0].is_held_up.wait, natively=True)
    assert all(source.closed for source in sources)
