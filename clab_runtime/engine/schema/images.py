"""Images, and what a pull reports."""

from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from clab_runtime.engine.schema.base import Reply


class ImageGraphDriver(Reply):
    """Where the storage driver keeps an image."""

    name: str = ""
    data: Mapping[str, str] | None = None


class ImageRootFS(Reply):
    """An image's layers."""

    type: str = ""
    layers: Sequence[str] | None = None


class ImageConfigReply(Reply):
    """What an image says of the containers made of it."""

    labels: Mapping[str, str] | None = None


class ImageInspectReply(Reply):
    """GET /images/{name}/json."""

    id: str
    repo_tags: Sequence[str] | None = None
    config: ImageConfigReply | None = None
    root_fs: ImageRootFS = field(name="RootFS", default_factory=ImageRootFS)
    graph_driver: ImageGraphDriver | None = None


class ImageSummary(Reply):
    """An item of GET /images/json."""

    id: str
    repo_tags: Sequence[str] | None = None


class ProgressDetail(Struct):
    """How far a layer has come, in bytes."""

    current: int = 0
    total: int = 0


class ErrorDetail(Struct):
    """What has gone wrong inside a stream."""

    message: str = ""


class ProgressLine(Struct, rename="camel"):
    """A line of what a pull, load or import reports; `error` or `error_detail` makes it a failure."""

    status: str = ""
    id: str = ""
    stream: str = ""
    progress_detail: ProgressDetail | None = None
    error: str = ""
    error_detail: ErrorDetail | None = None

    @property
    def failure(self) -> str:
        """The engine's words if this line reports a failure, else nothing."""
        return self.error or (self.error_detail.message if self.error_detail else "")
