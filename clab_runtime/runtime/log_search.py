"""Looking for a line in a container's log, while it runs and when it has ended."""

from collections.abc import Callable

import anyio

from clab_runtime.backoff import growing_delays
from clab_runtime.errors import ContainerRuntimeError, EngineConnectionError, EngineProtocolError, NotFoundError
from clab_runtime.models import LogLine, LogMatch
from clab_runtime.runtime.diagnosis import LOG_TIME
from clab_runtime.runtime.wait_outcome import Verdict
from clab_runtime.runtime.wait_ticket import Ticket
from clab_runtime.stream import Stream

ReadLog = Callable[[str, bool], Stream[LogLine]]
"""What reads a container's log from its beginning, and follows it if told to."""

_PASSING = (EngineProtocolError, EngineConnectionError, NotFoundError)
"""What may be over by the next look, or else is what the look shows."""


class LogSearch:
    """The search for one line in one container's log."""

    def __init__(self, ticket: Ticket, match: LogMatch, read: ReadLog, doubt: Callable[[Ticket], None]) -> None:
        """Search on behalf of a ticket; `doubt` has its container looked at."""
        self._ticket = ticket
        self._match = match
        self._read = read
        self._doubt = doubt
        self._ended: anyio.Event | None = None
        """Set when the log that is followed has ended; None: it has not been followed yet."""

    async def follow(self) -> None:
        """Read the log whenever the container runs, from its beginning, until there is a verdict."""
        ticket = self._ticket
        for delay in growing_delays():
            await ticket.next_run()
            self._ended = anyio.Event()
            try:
                await self._search(follow=True)
            except _PASSING:
                pass
            except ContainerRuntimeError as exc:
                ticket.outcome.fail(exc)
            finally:
                self._ended.set()
            if ticket.outcome.verdict is not None:
                return
            self._doubt(ticket)
            await anyio.sleep(delay)

    async def finish(self) -> None:
        """Look through what is left: what was written before the end counts, and may not have been read yet."""
        with anyio.move_on_after(LOG_TIME):
            if self._ended is not None and self._ticket.outcome.verdict is not Verdict.UNHEALTHY:
                await self._ended.wait()
            if self._ticket.outcome.verdict is not Verdict.MET:
                try:
                    await self._search(follow=False)
                except ContainerRuntimeError:  # it is gone, or not to be had: the verdict stands
                    return

    async def _search(self, *, follow: bool) -> None:
        """Read the log until the line is there, or it ends."""
        async with self._read(self._ticket.id, follow) as log:
            async for line in log:
                if self._match.matches(line):
                    self._ticket.outcome.met(line=line)
                    return
