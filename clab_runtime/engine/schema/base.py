"""What all wire structs are made of."""

from collections.abc import Mapping

from msgspec import Struct

Empty = Mapping[str, str]
"""Go's `struct{}`: a set's members are the keys, the values have nothing in them."""


class Reply(Struct, rename="pascal", kw_only=True, gc=False):
    """What engines send: trees, so that the garbage collector need not look."""


class Request(Struct, rename="pascal", kw_only=True, omit_defaults=True):
    """What engines are sent."""


class LibpodRequest(Struct, kw_only=True, omit_defaults=True):
    """What Podman is sent by its own API, whose words are as they are written here."""
