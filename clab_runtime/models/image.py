"""What an engine knows about an image."""

from collections.abc import Mapping, Sequence

from clab_runtime.models.base import Model


class ImageConfig(Model, frozen=True, omit_defaults=True):
    """What an image sets for its containers."""

    labels: Mapping[str, str] = {}
    """The image's labels."""


class RootFS(Model, frozen=True, omit_defaults=True):
    """The layers that an image is made of."""

    type: str = ""
    """How the layers are kept, `layers`."""
    layers: Sequence[str] = ()
    """The layers' digests, the lowest first."""


class GraphDriverData(Model, frozen=True, kw_only=True, omit_defaults=True):
    """Where an overlay storage driver keeps an image on the host; empty with other drivers."""

    upper_dir: str = ""
    """The uppermost layer's directory."""
    work_dir: str = ""
    """The overlay's work directory."""
    merged_dir: str = ""
    """The directory where all layers show as one."""


class GraphDriver(Model, frozen=True, omit_defaults=True):
    """The storage driver that holds an image."""

    name: str = ""
    """The driver's name, such as `overlay2`."""
    data: GraphDriverData = GraphDriverData()
    """Where it keeps the image."""


class ImageInspect(Model, frozen=True, kw_only=True, omit_defaults=True):
    """An image as the engine has it."""

    id: str
    """The image's id, `sha256:...`."""
    config: ImageConfig = ImageConfig()
    """What it sets for its containers."""
    root_fs: RootFS = RootFS()
    """Its layers."""
    graph_driver: GraphDriver = GraphDriver()
    """Where the engine keeps it; empty under the containerd image store."""
