"""Making an image available, as a policy says, and telling how far that is; two pulls of one image become one."""

from collections.abc import Sequence

import anyio

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.reference import ImageReference
from clab_runtime.errors import NotFoundError
from clab_runtime.models import PullPolicy, PullProgress
from clab_runtime.runtime.dialect import Dialect
from clab_runtime.runtime.shared_pull import SharedPull
from clab_runtime.stream import Stream


class Pulls:
    """The pulls that go on at the moment, each with all who wait for it."""

    def __init__(self, dialect: Dialect) -> None:
        """Pull as `dialect` does, with the credentials that it finds."""
        self._dialect = dialect
        self._going_on: dict[tuple[EngineClient, ImageReference], SharedPull] = {}

    def stream(self, engine: EngineClient, image: str, policy: PullPolicy) -> Stream[PullProgress]:
        """Prepare a stream of one consumer; an image's reference is checked before it is opened."""
        return Stream(PullSource(self, engine, image, policy))

    async def missing(self, engine: EngineClient, image: str, reference: ImageReference) -> NotFoundError | None:
        """Return the engine's word that it lacks the image, if so."""
        try:
            await engine.images.inspect(self._dialect.name_of(image, reference))
        except NotFoundError as exc:
            return exc
        return None

    def join(self, engine: EngineClient, reference: ImageReference) -> SharedPull:
        """Take part in the pull that goes on, or in a new one."""
        key = (engine, reference)
        shared = self._going_on.get(key)
        if shared is None:

            def forget() -> None:
                self._going_on.pop(key, None)

            shared = self._going_on[key] = SharedPull(engine, self._dialect, reference, forget)
        shared.join()
        return shared


class PullSource:
    """The progress of a pull, for one consumer."""

    def __init__(self, pulls: Pulls, engine: EngineClient, image: str, policy: PullPolicy) -> None:
        """Note what is wanted; raises InvalidValueError for what is no reference."""
        self._pulls = pulls
        self._engine = engine
        self._image = image
        self._reference = ImageReference.parse(image)
        self._policy = policy
        self._shared: SharedPull | None = None
        self._seen = 0
        self._present = False
        self._waiting: anyio.CancelScope | None = None

    async def open(self) -> None:
        """Look whether the image is there, if the policy cares, and take part in a pull if it is not."""
        if self._policy is not PullPolicy.ALWAYS:
            missing = await self._pulls.missing(self._engine, self._image, self._reference)
            self._present = missing is None
            if missing and self._policy is PullPolicy.NEVER:
                raise _never_pulled(self._image, missing) from missing
        if not self._present:
            self._shared = self._pulls.join(self._engine, self._reference)

    async def next_batch(self) -> Sequence[PullProgress] | None:
        """Wait until the pull is further than when this was asked last; being closed ends the wait."""
        if self._present:
            self._present = False
            return [PullProgress(image=str(self._reference), status=f"{self._image} is there", fraction=1.0)]
        if self._shared is None:
            return None
        with anyio.CancelScope() as self._waiting:
            self._seen, progress = await self._shared.later_than(self._seen)
            return [progress] if progress else None
        return None

    async def aclose(self) -> None:
        """Leave the pull; the last one to leave ends it."""
        if self._waiting is not None:
            self._waiting.cancel()
        shared, self._shared = self._shared, None
        if shared is not None:
            await shared.leave()


def _never_pulled(image: str, missing: NotFoundError) -> NotFoundError:
    """Say that the policy forbids what would help."""
    words = f"image {image!r} is not on the engine, and the pull policy is Never; load it, or change the policy"
    return NotFoundError(missing.status, words, missing.method, missing.path)
