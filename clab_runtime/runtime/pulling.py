"""Making an image available, as a policy says."""

from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.reference import ImageReference
from clab_runtime.errors import EngineStreamError, NotFoundError
from clab_runtime.models import PullPolicy


async def pull(engine: EngineClient, image: str, policy: PullPolicy) -> None:
    """Pull an image if the policy asks for it; the last word of a pull counts, not its first."""
    reference = ImageReference.parse(image)
    if policy is not PullPolicy.ALWAYS:
        missing = await _missing(engine, reference)
        if missing is None:
            return
        if policy is PullPolicy.NEVER:
            words = f"image {image!r} is not on the engine, and the pull policy is Never; load it, or change the policy"
            raise NotFoundError(missing.status, words, missing.method, missing.path) from missing
    try:
        async with engine.images.pull(reference.repository, reference.digest or reference.tag) as progress:
            async for _ in progress:
                pass
    except EngineStreamError as exc:
        raise EngineStreamError(f"pulling {reference}: {exc}") from exc


async def _missing(engine: EngineClient, reference: ImageReference) -> NotFoundError | None:
    """Return the engine's word that it lacks the image, if so."""
    try:
        await engine.images.inspect(str(reference))
    except NotFoundError as exc:
        return exc
    return None
