"""Volumes."""

from collections.abc import Mapping, Sequence

from clab_runtime.engine.schema.base import Reply, Request


class VolumeCreate(Request):
    """The body of POST /volumes/create."""

    name: str
    driver: str = ""
    driver_opts: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}


class Volume(Reply):
    """GET /volumes/{name}."""

    name: str
    driver: str = ""
    mountpoint: str = ""
    labels: Mapping[str, str] | None = None


class VolumeList(Reply):
    """GET /volumes."""

    volumes: Sequence[Volume] | None = None
