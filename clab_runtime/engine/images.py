"""The endpoints of images; /images/..."""

from collections.abc import AsyncIterable, Mapping, Sequence
from typing import TYPE_CHECKING

from clab_runtime.engine import schema
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.raw import JSONSource, RawStream
from clab_runtime.engine.target import named, segment
from clab_runtime.stream import Stream

if TYPE_CHECKING:
    from clab_runtime.engine.client import EngineClient


class Images:
    """Pull, load, look at and remove images."""

    def __init__(self, client: "EngineClient") -> None:
        self._client = client

    async def inspect(self, image: str) -> schema.ImageInspectReply:
        """Return what the engine knows of an image; GET /images/{name}/json."""
        return await self._client.request("GET", f"/images/{segment(image, 'image')}/json", schema.ImageInspectReply)

    async def list(self, *, filters: Mapping[str, Sequence[str]] | None = None) -> Sequence[schema.ImageSummary]:
        """List images; GET /images/json."""
        return await self._client.request("GET", "/images/json", list[schema.ImageSummary], query={"filters": filters})

    def pull(
        self, repository: str, tag: str, credentials: RegistryCredentials | None = None
    ) -> Stream[schema.ProgressLine]:
        """Pull an image, `tag` being a tag or a digest, and report its progress; POST /images/create.

        A failure after the first line raises EngineStreamError.
        """
        query = {"fromImage": named(repository, "image"), "tag": named(tag, "tag")}
        raw = self._client.stream("POST", "/images/create", query=query, credentials=credentials)
        return _progress(raw)

    def load(self, archive: AsyncIterable[bytes]) -> Stream[schema.ProgressLine]:
        """Load images from a tar archive as `docker save` writes it; POST /images/load."""
        return _progress(self._client.stream("POST", "/images/load", content=archive))

    async def tag(self, image: str, repository: str, tag: str) -> None:
        """Give an image another name; POST /images/{name}/tag."""
        path = f"/images/{segment(image, 'image')}/tag"
        await self._client.call("POST", path, query={"repo": named(repository, "image"), "tag": named(tag, "tag")})

    async def remove(self, image: str, *, force: bool = False) -> None:
        """Remove a name of an image, and with the last one the image; DELETE /images/{name}."""
        await self._client.call("DELETE", f"/images/{segment(image, 'image')}", query={"force": force}, dedicated=True)


def _progress(raw: RawStream) -> Stream[schema.ProgressLine]:
    """Stream the progress of a long operation on images."""
    return Stream(JSONSource(raw, schema.ProgressLine, lambda line: line.failure))
