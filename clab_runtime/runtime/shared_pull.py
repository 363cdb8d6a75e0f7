"""One pull that many wait for: whoever comes first asks the engine for the next line, on behalf of all.

No task stands behind it. A consumer that is cancelled while it waits for the engine leaves the wait to the next one;
what the engine has sent is not lost by that. Only the wait for the engine's first word can't be handed on: the next one
asks anew.
"""

from collections.abc import Callable

import anyio

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.reference import ImageReference
from clab_runtime.errors import EngineError, EngineStreamError
from clab_runtime.models import PullProgress
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.pull_errors import pull_error
from clab_runtime.runtime.pull_progress import PullTracker
from clab_runtime.stream import Stream


class SharedPull:
    """A pull of one image from one engine; keeps its latest state, so that a slow consumer costs nothing."""

    def __init__(
        self,
        engine: EngineClient,
        dialect: Dialect,
        reference: ImageReference,
        forget: Callable[[], None],
    ) -> None:
        """Pull `reference` as `dialect` does; `forget` is called once nobody is to join any more."""
        self._engine = engine
        self._dialect = dialect
        self._reference = reference
        self._credentials: RegistryCredentials | None = None
        self._forget = forget
        self._lines: Stream[schema.ProgressLine] | None = None
        self._tracker = PullTracker(str(reference))
        self._asking = anyio.Lock()
        self._consumers = 0
        self._latest: PullProgress | None = None
        self._number = 0
        self._ended = False
        self._failure: Exception | None = None

    def join(self) -> None:
        """Count one more consumer."""
        self._consumers += 1

    async def leave(self) -> None:
        """Count one consumer less; the last one closes the answer, which makes the engine give up."""
        self._consumers -= 1
        if not self._consumers:
            self._end()
            if self._lines is not None:
                await self._lines.aclose()

    async def later_than(self, seen: int) -> tuple[int, PullProgress | None]:
        """Wait for a state later than that of number `seen`; None behind the last one. Raises what the pull failed of.

        Cancelled, it loses nothing and may be called again.
        """
        while self._number == seen:
            async with self._asking:
                if self._number == seen:
                    if self._failure is not None:
                        raise self._failure
                    if self._ended:
                        return seen, None
                    await self._advance()
        return self._number, self._latest

    async def _advance(self) -> None:
        """Ask the engine for the next line; note what comes of it for all."""
        try:
            line = await anext(await self._opened(), None)
        except Exception as exc:  # noqa: BLE001 - every consumer raises it
            self._failure = self._explained(exc)
            self._end()
            return
        if line is None:
            self._end()
        self._latest = self._tracker.finish() if line is None else self._tracker.feed(line)
        self._number += 1

    async def _opened(self) -> Stream[schema.ProgressLine]:
        """Return the engine's answer; the first time, find the credentials and prepare the request."""
        if self._lines is None:
            self._credentials = await self._dialect.credentials(self._reference)
            self._lines = self._dialect.pull(self._engine, self._reference, self._credentials)
        return self._lines

    def _explained(self, exc: Exception) -> Exception:
        """Say which image it is about."""
        if isinstance(exc, EngineError | EngineStreamError):
            error = pull_error(exc, self._reference, self._credentials, self._dialect.name)
            error.__cause__ = exc
            return error
        return exc

    def _end(self) -> None:
        """Let nobody join any more."""
        if not self._ended:
            self._ended = True
            self._forget()
