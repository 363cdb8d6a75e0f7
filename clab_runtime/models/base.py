"""What all models share: a value that nobody changes after it is made."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import cast

import msgspec
from msgspec.structs import fields, force_setattr

from clab_runtime.errors import InvalidValueError


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frozen struct: its sequences are tuples and its mappings are copies, whatever was given."""

    def __post_init__(self) -> None:
        for name, freeze in _collections(type(self)).items():
            force_setattr(self, name, freeze(name, getattr(self, name)))


def _as_tuple(name: str, value: object) -> tuple[object, ...]:
    """Freeze a sequence; a lone string is one by type only, and would fall apart into letters."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise InvalidValueError(name, value, "give a list")
    return tuple(cast("Iterable[object]", value))


def _as_dict(name: str, value: object) -> dict[object, object]:
    """Copy a mapping, so that the caller's stays the caller's."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(name, value, "give a mapping")
    return {key: _as_value(item) for key, item in cast("Mapping[object, object]", value).items()}


def _as_value(item: object) -> object:
    """Freeze a list inside a mapping, so that equal values are equal however they were made."""
    return tuple(cast("list[object]", item)) if isinstance(item, list) else item


@cache
def _collections(model: type[Model]) -> Mapping[str, Callable[[str, object], object]]:
    """Tell which fields are collections, known by their empty defaults, and how each is frozen."""
    of = fields(model)
    sequences = {field.name: _as_tuple for field in of if field.default == ()}
    return {**sequences, **{field.name: _as_dict for field in of if field.default_factory is dict}}
