"""What all models share: a value that nobody changes after it is made."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import cast, get_args

import msgspec
from msgspec.structs import FieldInfo, fields, force_setattr

from clab_runtime.errors import InvalidValueError

_NO_LISTS = (str, bytes, Mapping)


class Model(msgspec.Struct, frozen=True, omit_defaults=True):
    """A frozen struct: its sequences are tuples and its mappings are copies, whatever was given."""

    def __post_init__(self) -> None:
        for name, word, freeze in _collections(type(self)):
            force_setattr(self, name, freeze(word, getattr(self, name)))


def is_list(value: object) -> bool:
    """Tell whether a value is meant as a list; a lone string is one by type only, and would fall apart into letters."""
    # What it nearly always is goes first: asking abstract classes takes ten times as long.
    return isinstance(value, list | tuple) or (isinstance(value, Iterable) and not isinstance(value, _NO_LISTS))


def _as_tuple(word: str, value: object) -> tuple[object, ...]:
    """Freeze a sequence."""
    if not is_list(value):
        raise InvalidValueError(word, value, "give a list")
    return tuple(cast("Iterable[object]", value))


def _as_dict(word: str, value: object) -> dict[object, object]:
    """Copy a mapping, so that the caller's stays the caller's; what is none may hold secrets, and is not shown."""
    if not isinstance(value, dict | Mapping):
        raise InvalidValueError(word, type(value), "give a mapping")
    return {key: _as_value(item) for key, item in cast("Mapping[object, object]", value).items()}


def _as_dict_of_texts(word: str, value: object) -> dict[object, object]:
    """Copy a mapping whose values need no freezing."""
    return {**cast("dict[object, object]", value)} if isinstance(value, dict) else _as_dict(word, value)


def _as_value(item: object) -> object:
    """Freeze a list inside a mapping, so that equal values are equal however they were made."""
    return tuple(cast("list[object]", item)) if isinstance(item, list) else item


@cache
def _collections(model: type[Model]) -> tuple[tuple[str, str, Callable[[str, object], object]], ...]:
    """Tell which fields are collections, known by their empty defaults, what errors call them, and how each is frozen.

    Errors have containerlab's word, as users have where there is one.
    """
    of = fields(model)
    sequences = tuple((field.name, field.encode_name, _as_tuple) for field in of if field.default == ())
    mappings = tuple((field.name, field.encode_name, _freezer(field)) for field in of if field.default_factory is dict)
    return sequences + mappings


def _freezer(field: FieldInfo) -> Callable[[str, object], object]:
    """Choose how a mapping is frozen: one of texts holds no lists, and most mappings are labels."""
    return _as_dict_of_texts if get_args(field.type)[1] is str else _as_dict
