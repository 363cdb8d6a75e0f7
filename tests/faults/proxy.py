"""A proxy between a client and an engine that makes what can go wrong between them go wrong, when a test says so.

It listens on a unix socket of its own and passes everything on. Faults are about answers: the bytes that come from the
engine. Which answers is told by a pattern that `METHOD /path` of their request has to begin with, without version and
query: `GET /events`, `GET /containers/.*/logs`; the empty one means all. It runs in the event loop of its user.
"""

import re
import socket
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, Container, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import TaskGroup

from clab_runtime.engine.tasks import run_all
from clab_runtime.engine.unix import UnixStream, connect_unix
from tests.faults.heads import Requests
from tests.serving import QUEUE, accept

EVENTS = "GET /(libpod/)?events"
LOGS = "GET /(libpod/)?containers/.*/logs"
PAUSE = 0.001
"""Seconds after which who is sent a piece has surely taken it, if it is not busy."""


@dataclass(frozen=True, slots=True)
class Line:
    """A JSON text of an answer that goes on, such as an event."""

    at: float
    """When it was passed on, on time.monotonic()."""
    connection: int
    data: bytes


@dataclass(slots=True)
class Answer:
    """What the engine says to one request, and what is to become of it."""

    what: str
    connection: int = 0
    passed: int = 0
    """Bytes that have been passed on, the head included."""
    limit: int | None = None
    """Bytes after which the connection is cut."""
    flips: Container[int] = ()
    """Offsets of bytes that arrive changed."""
    rest: bytes = b""
    """The beginning of a line, when lines are noted."""

    def treat(self, data: bytes) -> bytes:
        """Return what of the data arrives, and as what."""
        if self.limit is not None:
            data = data[: self.limit - self.passed]
        if self.flips:
            data = bytes(byte ^ 0xFF if self.passed + at in self.flips else byte for at, byte in enumerate(data))
        self.passed += len(data)
        return data

    @property
    def at_its_limit(self) -> bool:
        return self.limit is not None and self.passed >= self.limit


@dataclass(slots=True)
class Connection:
    """One connection of the client's."""

    number: int
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    requests: list[str] = field(default_factory=list[str])
    answer: Answer = field(default_factory=lambda: Answer(""))
    """The answer to the last request."""


@dataclass(slots=True)
class _Plan:
    """What is to become of answers that begin from now on, of each by the first plan that fits."""

    pattern: str
    times: float
    limit: int | None = None
    flips: Container[int] = ()


class Proxy:
    """A handle to what stands between: what passes through, and what goes wrong with it."""

    def __init__(self, engine: Path, path: Path) -> None:
        self._engine = engine
        self._path = path
        self._open: dict[int, Connection] = {}
        self._plans: list[_Plan] = []
        self._stalls: list[tuple[str, anyio.Event]] = []
        self._pieces: list[tuple[str, int, float]] = []
        self._noted: str | None = None
        self._accepting: anyio.CancelScope | None = None
        self._tasks: TaskGroup | None = None
        self.connections = 0
        """How many the client has made so far."""
        self.requests: Counter[str] = Counter()
        """How often each `METHOD /path` has been asked for so far."""
        self.lines: list[Line] = []
        """What has been noted."""

    @property
    def endpoint(self) -> str:
        """Where the client finds the engine behind it."""
        return f"unix://{self._path}"

    def asked(self, what: str = "") -> int:
        """Count the requests so far that fit a pattern."""
        return sum(times for name, times in self.requests.items() if re.match(what, name))

    def open(self, what: str = "") -> list[Connection]:
        """List the connections whose last request fits a pattern."""
        return [connection for connection in self._open.values() if re.match(what, connection.answer.what)]

    # ------------------------------------------------------------ faults

    def cut(self, what: str = "") -> int:
        """Cut the connections now whose last request fits; tell how many."""
        fitting = self.open(what)
        for connection in fitting:
            connection.scope.cancel()
        return len(fitting)

    def truncate(self, size: int, what: str = "") -> int:
        """Let just so many more bytes of the answers through that are under way, and cut then; tell how many."""
        fitting = self.open(what)
        for connection in fitting:
            connection.answer.limit = connection.answer.passed + size
        return len(fitting)

    def cut_after(self, size: int, what: str = "", *, times: float = 1) -> None:
        """Cut the next answers that fit after so many bytes, the head included."""
        self._plans.append(_Plan(what, times, limit=size))

    def corrupt(self, offsets: Container[int], what: str = "", *, times: float = 1) -> None:
        """Have all bits of the bytes at these offsets flipped in the next answers that fit, the head included."""
        self._plans.append(_Plan(what, times, flips=offsets))

    def heal(self) -> None:
        """Forget the faults that were planned for answers to come."""
        self._plans.clear()

    @contextmanager
    def stalled(self, what: str = "") -> Generator[None]:
        """Hold back, for a while, all that comes from the engine in answers that fit."""
        stall = (what, anyio.Event())
        self._stalls.append(stall)
        try:
            yield
        finally:
            self._stalls.remove(stall)
            stall[1].set()

    @contextmanager
    def split(self, size: int, what: str = "", *, pause: float = 0.0) -> Generator[None]:
        """Pass answers on, for a while, in pieces of so many bytes, with a pause in seconds after each."""
        entry = (what, size, pause)
        self._pieces.append(entry)
        try:
            yield
        finally:
            self._pieces.remove(entry)

    @asynccontextmanager
    async def away(self) -> AsyncGenerator[None]:
        """Be gone for a while, as an engine that was stopped is: connections are cut, new ones refused."""
        assert self._accepting is not None
        self._accepting.cancel()
        self._path.unlink()
        self.cut()
        try:
            yield
        finally:
            self._listen()

    def note_lines(self, what: str = EVENTS) -> None:
        """Note from now on when which line of the answers passes that fit."""
        self._noted = what

    # ------------------------------------------------------------ passing on

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Listen and pass on."""
        async with anyio.create_task_group() as self._tasks:
            self._listen()
            try:
                yield
            finally:
                self._tasks.cancel_scope.cancel()

    def _listen(self) -> None:
        """Be there: who connects from now on need not wait for the task to begin."""
        assert self._tasks is not None
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(str(self._path))
            listener.listen(QUEUE)
        except BaseException:
            listener.close()
            raise
        self._accepting = anyio.CancelScope()
        self._tasks.start_soon(self._accept, listener, self._accepting, self._tasks)

    async def _accept(self, listener: socket.socket, scope: anyio.CancelScope, tasks: TaskGroup) -> None:
        with listener, scope:
            await accept(listener, self._serve, tasks)

    async def _serve(self, outside: UnixStream) -> None:
        """Pass on what one connection has to say, until it ends or is cut; without an engine that is at once."""
        self.connections += 1
        connection = Connection(self.connections)
        self._open[connection.number] = connection
        try:
            async with outside:
                with suppress(OSError, anyio.BrokenResourceError), connection.scope:
                    async with await connect_unix(str(self._engine)) as inside:
                        await self._pass_on(connection, outside, inside)
        finally:
            del self._open[connection.number]

    async def _pass_on(self, connection: Connection, outside: UnixStream, inside: UnixStream) -> None:
        async def ask() -> None:
            requests = Requests()
            async for data in outside:
                for what in requests.feed(data):
                    self._begin(connection, what)
                await inside.send(data)
            await inside.send_eof()

        async def answer() -> None:
            async for data in inside:
                await self._answer(connection, outside, data)
            await outside.send_eof()

        await run_all((ask, answer))

    def _begin(self, connection: Connection, what: str) -> None:
        """Note a request, and what is planned for its answer."""
        self.requests[what] += 1
        connection.requests.append(what)
        connection.answer = answer = Answer(what, connection.number)
        plan = next((plan for plan in self._plans if plan.times > 0 and re.match(plan.pattern, what)), None)
        if plan is not None:
            plan.times -= 1
            answer.limit, answer.flips = plan.limit, plan.flips

    async def _answer(self, connection: Connection, outside: UnixStream, data: bytes) -> None:
        """Pass on a piece of an answer, as far as it gets."""
        answer = connection.answer
        size, pause = self._how_split(answer.what, data)
        for piece in (data[at : at + size] for at in range(0, len(data), size)):
            while stalls := [event for what, event in self._stalls if re.match(what, answer.what)]:
                await stalls[0].wait()
            arrives = answer.treat(piece)
            self._note(answer, arrives)
            await outside.send(arrives)
            if answer.at_its_limit:
                connection.scope.cancel()
            await anyio.sleep(pause)

    def _how_split(self, what: str, data: bytes) -> tuple[int, float]:
        """Return the size of pieces, and the pause between them."""
        found = (entry[1:] for entry in self._pieces if re.match(entry[0], what))
        return next(found, (len(data), 0.0))

    def _note(self, answer: Answer, data: bytes) -> None:
        if self._noted is None or not re.match(self._noted, answer.what):
            return
        now = time.monotonic()
        *lines, answer.rest = (answer.rest + data).split(b"\n")
        self.lines += [Line(now, answer.connection, line) for line in lines if line.startswith(b"{")]


@asynccontextmanager
async def open_proxy(endpoint: str) -> AsyncGenerator[Proxy]:
    """Stand before the engine at `endpoint`, a `unix://` address, until the block ends; all is cut then."""
    with tempfile.TemporaryDirectory(prefix="proxy-") as folder:
        proxy = Proxy(Path(endpoint.removeprefix("unix://")), Path(folder) / "engine.sock")
        async with proxy.running():
            yield proxy


async def main(endpoint: str, piece: int) -> None:
    """Pass everything on in pieces of so many bytes; say where on standard output, and end with standard input."""
    async with open_proxy(endpoint) as proxy:
        with proxy.split(piece, pause=PAUSE):
            print(proxy.endpoint, flush=True)  # noqa: T201 - this is a program
            await anyio.wait_readable(sys.stdin)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]))
