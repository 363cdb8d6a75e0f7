"""Binds and volumes, as the short words `src:dst:options` write them."""

from collections.abc import Sequence
from typing import Self

from clab_runtime.errors import InvalidValueError
from clab_runtime.models.given import GivenModel, check_text

_MOST_PARTS = 3


class Bind(GivenModel, frozen=True, omit_defaults=True):
    """A directory or file of the host inside a container."""

    src: str
    """The path on the host; empty for an anonymous volume."""
    dst: str
    """The path in the container."""
    mode: str = ""
    """The options, separated by commas, such as `ro`."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `src:dst`, `src:dst:options`, or `dst` alone for an anonymous volume."""
        src, dst, mode = _parts("bind", text)
        return cls(src, dst, mode)

    def __str__(self) -> str:
        return ":".join(part for part in (self.src, self.dst, self.mode) if part)


class Volume(GivenModel, frozen=True, omit_defaults=True):
    """A volume that the engine keeps, inside a container."""

    name: str
    """The volume's name; empty for an anonymous one."""
    dst: str
    """The path in the container."""
    opts: Sequence[str] = ()
    """The options: ro, rw, nocopy."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `name:dst`, `name:dst:options`, or `dst` alone for an anonymous volume."""
        name, dst, opts = _parts("volume", text)
        if name.startswith("/"):
            raise InvalidValueError("volume", text, "a volume has a name; a path of the host goes into binds")
        return cls(name, dst, opts.split(",") if opts else ())

    def __str__(self) -> str:
        return ":".join(part for part in (self.name, self.dst, ",".join(self.opts)) if part)


def _parts(field: str, text: str) -> tuple[str, str, str]:
    """Split the short word into source, destination and options."""
    check_text(field, text)
    parts = text.split(":")
    if len(parts) > _MOST_PARTS or not all(parts):
        raise InvalidValueError(field, text, "write source:destination, source:destination:options or destination")
    if len(parts) == 1:
        return "", text, ""
    source, destination, *options = parts
    return source, destination, "".join(options)
