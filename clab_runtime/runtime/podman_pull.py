"""Pulling on Podman, by its Docker-compatible API, which alone tells how far a layer is.

Podman 4 answers with 200 before it has asked the registry, and calls a refusal an error of the stream. A layer is in
its storage once it is downloaded, and the image's configuration is told of as if it were a last layer.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import structs

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.reference import ImageReference
from clab_runtime.errors import (
    EngineError,
    EngineInternalError,
    EngineStreamError,
    NotFoundError,
    UnauthorizedError,
)
from clab_runtime.stream import Stream

_BEGUN: Final = "Pulling fs layer"
_DOWNLOADED: Final = "Download complete"
_DONE: Final = "Pull complete"
_ENDS: Final = frozenset({_DOWNLOADED, "Already exists"})
_REFUSALS: Mapping[str, tuple[type[EngineError], int]] = {
    "manifest unknown|name unknown": (NotFoundError, 404),
    "unauthorized|authentication required": (UnauthorizedError, 401),
    "": (EngineInternalError, 500),
}
"""What a registry, or the way to it, is known by in an error, and the class and status that Docker has for it."""


def pull(
    engine: EngineClient, reference: ImageReference, credentials: RegistryCredentials | None
) -> Stream[schema.ProgressLine]:
    """Pull an image, and report in Docker's words how far that is; POST /images/create."""
    return Stream(_PullSource(engine.images.pull(reference.repository, reference.digest or reference.tag, credentials)))


class _PullSource:
    """The lines of a pull."""

    def __init__(self, lines: Stream[schema.ProgressLine]) -> None:
        self._lines = lines
        self._worded = PullLines()
        self._begun = False

    async def open(self) -> None:
        """Send the request."""
        await self._lines.__aenter__()

    async def next_batch(self) -> Iterable[schema.ProgressLine] | None:
        """Wait for a line; a failure before the first one is the registry's refusal."""
        try:
            line = await anext(self._lines, None)
        except EngineStreamError as exc:
            raise exc if self._begun else _refusal(str(exc)) from exc
        self._begun = True
        return None if line is None else self._worded.feed(line)

    async def aclose(self) -> None:
        """Close the answer."""
        await self._lines.aclose()


class PullLines:
    """Podman's lines in Docker's words, without those of the image's configuration."""

    def __init__(self) -> None:
        self._done: dict[str, bool] = {}
        self._held: list[schema.ProgressLine] = []

    def feed(self, line: schema.ProgressLine) -> Sequence[schema.ProgressLine]:
        """Return what a line makes known.

        What begins when all else is done may be the configuration. It was a layer if it takes its time, or if another
        one follows.
        """
        if line.status == _BEGUN and line.id not in self._done and all(self._done.values()) and self._done:
            released, self._held = self._held, [self._worded(line)]
            return released
        if self._held and line.id == self._held[0].id and line.status == _DOWNLOADED:
            self._held.append(self._worded(line))
            return ()
        released, self._held = self._held, []
        return [*released, self._worded(line)]

    def _worded(self, line: schema.ProgressLine) -> schema.ProgressLine:
        """Note what is done, and call it so."""
        if line.id:
            self._done[line.id] = line.status in _ENDS
        return structs.replace(line, status=_DONE) if line.status == _DOWNLOADED else line


def _refusal(words: str) -> EngineError:
    """Make the error that Docker answers with in the place of a stream."""
    kind, status = next(found for pattern, found in _REFUSALS.items() if re.search(pattern, words))
    return kind(status, words, "POST", "/images/create")
