"""How far the pull of an image has come."""

import msgspec


class PullProgress(msgspec.Struct, frozen=True, kw_only=True):
    """A pull at one moment; the fraction of a later one is never smaller."""

    image: str
    """The image's whole reference, `docker.io/library/alpine:3`."""
    status: str
    """What the engine said last, such as `Downloading`."""
    layers_done: int = 0
    """Layers that the engine has now, those that it had before among them."""
    layers_total: int = 0
    """Layers of the image, as far as the engine has named them."""
    bytes_current: int = 0
    """Bytes that have been downloaded."""
    bytes_total: int | None = None
    """Bytes to download, of the layers whose size the engine has told; None before the first."""
    fraction: float = 0.0
    """The work that is done, from 0 to 1; 1 only, and always, at the successful end."""
