"""A container's log as an engine has it: looking at the container, asking for the log, understanding the answer."""

import math

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import NotFoundError
from clab_runtime.models.container import WITH_PROCESS
from clab_runtime.models.timestamps import to_nanoseconds
from clab_runtime.runtime.log_wish import LogWish
from clab_runtime.runtime.translate import status_from_state
from clab_runtime.streams.lasting_log import Look
from clab_runtime.streams.line_decoder import LineDecoder
from clab_runtime.streams.log_memory import SECOND
from clab_runtime.streams.multiplexed_lines import MULTIPLEXED, MultiplexedLines
from clab_runtime.streams.terminal_lines import TerminalLines


class LogOrigin:
    """A log on any engine that speaks Docker's API; GET /containers/{id}/logs, GET /containers/{id}/json."""

    is_pinned = False
    answers_late = False
    overlap = SECOND
    fine = True
    skip = 0

    def __init__(self, engine: EngineClient, container: str, wish: LogWish) -> None:
        """Read the part of the container's log that is wished for."""
        self.tail: int | None = wish.tail
        self.since = wish.since_nanoseconds
        self.until = math.inf if wish.until_seconds is None else wish.until_seconds
        self._engine = engine
        self._container = container
        self._wish = wish
        self._name = container

    async def prepare(self) -> None:
        """Nothing: what is to be known the first answer tells."""

    async def look(self) -> Look:
        """Look at the container; from then on it is asked for by its id: another one may get its name."""
        return self._pin(await self._engine.containers.inspect(self._container))

    async def pause(self, seconds: float) -> None:
        """Wait before asking again, as long as the client is there to ask."""
        await self._engine.pause(seconds)

    def gone(self) -> NotFoundError:
        """Make the error that the engine would answer if it went by more than the name."""
        return NotFoundError(
            404,
            "the container is gone, and another one has its name",
            "GET",
            f"/containers/{self._name}/logs",
        )

    def ask(self, *, since: int, tail: int | None, follow: bool) -> RawStream:
        """Prepare a request."""
        return self._engine.containers.logs(
            self._container,
            follow=follow,
            since=seconds(since),
            until=self._wish.until_seconds,
            tail=tail,
            timestamps=True,
        )

    async def decoder(self, raw: RawStream, *, timestamps: bool) -> LineDecoder:
        """Ask whether there is a TTY only where the answer leaves that open."""
        if raw.content_type == MULTIPLEXED or not (await self.look()).tty:
            return MultiplexedLines(timestamps=timestamps, stamped=True)
        return TerminalLines(timestamps=timestamps, stamped=True)

    def _pin(self, inspect: schema.ContainerInspect) -> Look:
        """Keep the container's id."""
        self._container = inspect.id
        self.is_pinned = True
        state = inspect.state
        return Look(
            id=inspect.id,
            tty=inspect.config.tty,
            runs=status_from_state(state.status) in WITH_PROCESS,
            started_at=to_nanoseconds(state.started_at),
            finished_at=to_nanoseconds(state.finished_at),
            created_at=to_nanoseconds(inspect.created),
        )


def seconds(nanoseconds: int) -> str | None:
    """Write a moment as engines read it; None: there is none."""
    return f"{nanoseconds // SECOND}.{nanoseconds % SECOND:09d}" if nanoseconds else None
