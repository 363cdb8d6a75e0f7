"""A log that outlasts its connections: after a cut the engine is asked again, and each line is told once, and whole.

Where nothing is wrong a container's end costs one look at it: an engine that shuts down ends the answer as neatly as a
container that ends, and only the container itself tells which it was.
"""

import time
from collections.abc import Awaitable, Callable, Iterable
from email.utils import parsedate_to_datetime
from typing import Protocol

import anyio
import msgspec

from clab_runtime.engine.raw import RawStream
from clab_runtime.errors import EngineInternalError, EngineProtocolError, NotFoundError
from clab_runtime.models import LogLine
from clab_runtime.streams.line_decoder import LineDecoder
from clab_runtime.streams.log_memory import SECOND, LogMemory
from clab_runtime.streams.patience import CUTS, GIVE_UP_AFTER, Patience


class Look(msgspec.Struct, frozen=True):
    """What the engine tells of a container; moments are in nanoseconds since the epoch."""

    id: str
    tty: bool
    runs: bool
    started_at: int
    finished_at: int
    created_at: int


class Origin(Protocol):
    """A container's log on an engine."""

    is_pinned: bool
    """Whether the container's id is known, by which it is asked for from then on."""
    answers_late: bool
    """Whether the answer may come only with the first line."""
    overlap: int
    """Nanoseconds before the newest line from which on the log is asked for again."""
    fine: bool
    """Whether the engine tells the time of a line to the nanosecond."""
    skip: int
    """Lines at the log's beginning that nobody wants: `tail`, where the engine can't count."""
    tail: int | None
    """Lines at the log's end that the engine is asked for."""
    since: int
    """The moment, in nanoseconds since the epoch, from which on lines are wanted; 0: all."""
    until: float
    """The moment, in seconds since the epoch, up to which lines are wanted."""

    async def prepare(self) -> None:
        """Find out what has to be known before the first request."""
        ...

    async def look(self) -> Look:
        """Look at the container, by its id once that is known; raise NotFoundError when it is gone."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait before asking again; raise what keeps us from ever doing so."""
        ...

    def gone(self) -> NotFoundError:
        """Make the error for a container whose name another one has now."""
        ...

    def ask(self, *, since: int, tail: int | None, follow: bool) -> RawStream:
        """Prepare a request for the log with timestamps."""
        ...

    async def decoder(self, raw: RawStream, *, timestamps: bool) -> LineDecoder:
        """Make what understands an answer."""
        ...


NextStart = Callable[[Look], Awaitable[bool]]
"""Waits until a container that was seen to have ended has been started since; False: it is gone."""


class LastingLog:
    """The lines of a log, through cuts and, if wanted, through the container's restarts."""

    def __init__(
        self,
        origin: Origin,
        *,
        follow: bool,
        timestamps: bool,
        next_start: NextStart | None = None,
        give_up_after: float = GIVE_UP_AFTER,
    ) -> None:
        """Read a log; with `next_start` go on when the container has been started again."""
        self._origin = origin
        self._follow = follow
        self._timestamps = timestamps
        self._next_start = next_start
        self._memory = LogMemory(origin.overlap, fine=origin.fine)
        self._patience = Patience(give_up_after)
        self._raw: RawStream | None = None
        self._decoder: LineDecoder | None = None
        self._scope: anyio.CancelScope | None = None
        self._has_anchor = False
        self._is_tried = False
        self._is_heard = False
        self._skip = 0
        self._opened_at = 0
        self._answered_at = 0
        self._checks_end = False
        self._at_end: Look | None = None
        self._ended: Look | None = None
        self._complete = False
        self._closed = False

    async def open(self) -> None:
        """Send the first request; what goes wrong with it is raised."""
        await self._origin.prepare()
        self._memory = LogMemory(self._origin.overlap, fine=self._origin.fine)
        self._skip = self._origin.skip
        if self._follow and self._origin.tail is not None:
            await self._find_anchor()
        if not self._origin.answers_late:
            await self._ask()

    async def next_batch(self) -> Iterable[LogLine] | None:
        """Return the lines in the next piece, at the end those without an ending."""
        while not (self._complete or self._closed):
            try:
                if self._raw is not None:
                    return await self._read(self._raw)
                with anyio.CancelScope() as self._scope:
                    await self._go_on()
            except CUTS as exc:
                seconds = self._patience.lose(exc)
                await self._let_go()
                await self._rest(seconds)
        if self._closed:
            await self._let_go()  # what was opened in the very moment of closing
        return None

    async def aclose(self) -> None:
        """Close the connection; who waits for another one waits no more."""
        self._closed = True
        if self._scope is not None:
            self._scope.cancel()
        await self._let_go()

    async def _let_go(self) -> None:
        """Close what there is."""
        raw, self._raw = self._raw, None
        if raw is not None:
            await raw.aclose()

    # ------------------------------------------------------------ asking

    async def _find_anchor(self) -> None:
        """See where the log ends now, so that no line is lost if the connection is cut before the first one comes."""
        raw = self._origin.ask(since=self._origin.since, tail=1, follow=False)
        try:
            await raw.open()
            decoder = await self._origin.decoder(raw, timestamps=False)
            while data := await raw.receive():
                self._feed(decoder, data)
                self._has_anchor = bool(self._origin.tail)  # be it a line without an ending
        finally:
            await raw.aclose()
        self._has_anchor |= bool(self._memory.last)

    async def _rest(self, seconds: float) -> None:
        """Wait before the next try, if there is to be one."""
        if not self._closed:
            with anyio.CancelScope() as self._scope:
                await self._origin.pause(seconds)

    async def _go_on(self) -> None:
        """Get another answer; if the container has ended, once it has been started again."""
        if self._ended is not None:
            if self._next_start is None or not await self._next_start(self._ended):
                self._complete = True
                return
            self._ended = None
        if self._opened_at and not self._origin.is_pinned:
            await self._look()
        await self._ask()

    async def _ask(self) -> None:
        """Ask for the log, or for what has not come of it."""
        again = bool(self._memory.last) and (self._is_heard or (self._is_tried and self._origin.tail == 0))
        raw = self._request(again=again)
        self._is_tried = True
        try:
            await raw.open()
            decoder = self._decoder or await self._origin.decoder(raw, timestamps=self._timestamps)
        except BaseException as exc:
            await raw.aclose()
            if isinstance(exc, EngineInternalError) and self._opened_at:
                raise EngineProtocolError(str(exc)) from exc  # an engine that is just starting
            raise
        decoder.resume(self._memory.overlap(decoder.count) if again else None)
        self._decoder, self._raw = decoder, raw
        self._answered_at = _moment_of(raw)
        self._opened_at = self._opened_at or self._answered_at
        self._patience.answered()

    def _request(self, *, again: bool) -> RawStream:
        """Write the request: what has come once gives the place from which on to ask again."""
        origin = self._origin
        follow = self._follow and not self._checks_end
        if again:
            return origin.ask(since=max(origin.since, self._memory.since), tail=None, follow=follow)
        # Where the log was empty, and nothing has come, whatever there is now is new.
        is_new = self._is_tried and self._follow and not self._has_anchor
        return origin.ask(since=origin.since, tail=None if is_new else origin.tail, follow=follow)

    async def _look(self) -> Look:
        """Look at the container; raise NotFoundError when it is gone, even if another one has its name now."""
        try:
            look = await self._origin.look()
        except EngineInternalError as exc:
            raise EngineProtocolError(str(exc)) from exc
        if self._opened_at and look.created_at > self._opened_at + SECOND:
            raise self._origin.gone()
        return look

    # ------------------------------------------------------------ reading

    async def _read(self, raw: RawStream) -> Iterable[LogLine]:
        """Return the lines in the next piece."""
        decoder = self._decoder
        assert decoder is not None  # noqa: S101 - it comes with the answer
        if decoder.failure is not None:
            raise decoder.failure
        data = await raw.receive()
        if not data:
            return await self._end(decoder)
        if not self._is_heard:
            self._is_heard = True
            if self._origin.tail:
                self._memory.clear()  # the anchor comes among the lines
        lines = self._feed(decoder, data)
        if decoder.failure is None:
            self._patience.found()
        return self._behind(lines) if self._skip else lines

    def _feed(self, decoder: LineDecoder, data: bytes) -> list[LogLine]:
        """Take lines out of what has come, and keep it for a while."""
        before = decoder.pending
        lines = decoder.feed(data)
        self._memory.add(before, data, decoder)
        return lines

    def _behind(self, lines: list[LogLine]) -> list[LogLine]:
        """Leave out the lines at the log's beginning that are not wanted."""
        wanted = lines[self._skip :]
        self._skip -= len(lines) - len(wanted)
        return wanted

    async def _end(self, decoder: LineDecoder) -> Iterable[LogLine]:
        """Be done, unless it was only the engine that has ended the answer; nothing is awaited once lines are taken.

        Engines may end what is followed a little early: once the container has ended, what is left is read.
        """
        if self._follow and not self._checks_end and time.time() < self._origin.until:
            self._at_end = await self._look_at_end()
            if self._at_end is not None:
                self._raw, self._checks_end = None, True
                return []
        lines = decoder.finish()
        self._raw = None  # it has ended, and so it is closed
        self._checks_end = False
        self._ended = self._at_end if self._next_start is not None else None
        self._complete = self._ended is None
        return self._behind(lines) if self._skip else lines

    async def _look_at_end(self) -> Look | None:
        """Look whether the container has ended since the answer began; None: it is gone."""
        try:
            look = await self._look()
        except NotFoundError:
            return None
        if look.runs and look.finished_at < self._answered_at + SECOND:
            raise EngineProtocolError("the engine ended the log of a container that runs; it may have been stopped")
        return look


def _moment_of(raw: RawStream) -> int:
    """Tell when an answer began, on the engine's clock; in nanoseconds since the epoch, to the second."""
    try:
        return int(parsedate_to_datetime(raw.date).timestamp()) * SECOND
    except ValueError:
        return int(time.time()) * SECOND
