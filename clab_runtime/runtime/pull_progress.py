"""How far a pull is, worked out from the lines that the engine reports; no I/O."""

from collections.abc import Mapping
from typing import Final

import msgspec

from clab_runtime.engine import schema
from clab_runtime.models import PullProgress

DOWNLOAD_SHARE: Final = 0.7
"""The part of a layer's work that is its download; the rest is its extraction."""

ALMOST: Final = 0.99
"""As much as a fraction may be before the engine has said its last word."""

_BEGUN = "Pulling fs layer"
_DOWNLOADING = "Downloading"
_EXTRACTING = "Extracting"
_DONE: Mapping[str, float] = {
    _BEGUN: 0.0,
    "Verifying Checksum": DOWNLOAD_SHARE,
    "Download complete": DOWNLOAD_SHARE,
    _EXTRACTING: DOWNLOAD_SHARE,
    "Pull complete": 1.0,
    "Already exists": 1.0,
}
"""The part of a layer's work that is done when the engine says so of it."""


class _Layer(msgspec.Struct):
    """What is known of one layer."""

    done: float = 0.0
    current: int = 0
    size: int = 0
    """Bytes to download; 0: not known (yet)."""
    was_there: bool = False


class PullTracker:
    """Add up what the engine says of each layer."""

    def __init__(self, image: str) -> None:
        """Begin with nothing known of `image`."""
        self._image = image
        self._status = ""
        self._layers: dict[str, _Layer] = {}
        self._fraction = 0.0

    def feed(self, line: schema.ProgressLine) -> PullProgress:
        """Take in a line and tell how far the pull is."""
        self._status = line.status or self._status
        layer = self._layers.get(line.id)
        if layer is None and line.status in _DONE:  # a line's id is a layer's only if its status is one of these
            layer = self._layers[line.id] = _Layer(was_there=line.status == "Already exists")
        if layer is not None:
            _update(layer, line)
        self._fraction = max(self._fraction, min(self._work_done(), ALMOST))
        return self._progress(self._fraction)

    def finish(self) -> PullProgress:
        """Tell that all is done."""
        return self._progress(1.0)

    def _progress(self, fraction: float) -> PullProgress:
        layers = self._layers.values()
        sizes = [layer.size for layer in layers if layer.size]
        return PullProgress(
            image=self._image,
            status=self._status,
            layers_done=sum(layer.done >= 1 for layer in layers),
            layers_total=len(layers),
            bytes_current=sum(layer.current for layer in layers),
            bytes_total=sum(sizes) if sizes else None,
            fraction=fraction,
        )

    def _work_done(self) -> float:
        """Weigh the layers that were to be pulled by their sizes; one of unknown size weighs as much as the average."""
        layers = [layer for layer in self._layers.values() if not layer.was_there]
        sizes = [layer.size for layer in layers if layer.size]
        average = sum(sizes) / len(sizes) if sizes else 1.0
        total = sum(layer.size or average for layer in layers)
        return sum(layer.done * (layer.size or average) for layer in layers) / total if layers else 0.0


def _update(layer: _Layer, line: schema.ProgressLine) -> None:
    """Take in what a line says of its layer; one that is being tried again falls back to what it has now."""
    detail = line.progress_detail or schema.ProgressDetail()
    part = min(detail.current / detail.total, 1.0) if detail.total > 0 else 0.0
    if line.status == _DOWNLOADING:
        layer.current, layer.size = detail.current, max(layer.size, detail.total)
        layer.done = DOWNLOAD_SHARE * part
    elif line.status == _EXTRACTING:
        layer.done = DOWNLOAD_SHARE + (1 - DOWNLOAD_SHARE) * part
    else:
        layer.done = _DONE.get(line.status, layer.done)
    if layer.done >= DOWNLOAD_SHARE:
        layer.current = layer.size
