"""What users give: every value is of its field's type, or is refused when the model is made.

What engines answer is checked while it is decoded, and pays nothing for this.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import NamedTuple, Union, cast, get_args, get_origin

from msgspec.structs import FieldInfo, fields, force_setattr

from clab_runtime.errors import InvalidValueError, not_writable
from clab_runtime.models.base import Model, is_list

_PLAIN: Mapping[object, tuple[type | tuple[type, ...], str]] = {
    bool: (bool, "give True or False"),
    int: (int, "give a whole number"),
    float: ((int, float), "give a number"),
}

_HARMLESS = (NoneType, int, float)
"""What is shown as it is."""


class GivenModel(Model, frozen=True, omit_defaults=True):
    """A model that users make."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for field in _given(type(self)):
            value = getattr(self, field.name)
            if value is field.default:
                continue
            if field.choices:
                force_setattr(self, field.name, field.choices(value))
            else:
                check(field.word, value, field.kind)


class _Field(NamedTuple):
    """A field, as the check looks at it."""

    name: str
    word: str
    """What containerlab, and an error, calls it."""
    default: object
    kind: object
    """Its type, as it is annotated."""
    choices: type[Enum] | None
    """Its type, if it is one of an enum's values: the plain word is as good."""


@cache
def _given(model: type[Model]) -> tuple[_Field, ...]:
    """Tell what there is to check."""
    return tuple(_field(field) for field in fields(model))


def _field(info: FieldInfo) -> _Field:
    """Tell what there is to check of one field."""
    kind = cast("object", info.type)
    choices = kind if isinstance(kind, type) and issubclass(kind, Enum) else None
    return _Field(info.name, info.encode_name, info.default, kind, choices)


def check(field: str, value: object, kind: object) -> None:
    """Raise InvalidValueError, which names the field, for a value that is not of a kind (a type as it is annotated)."""
    held = get_args(kind)
    origin = get_origin(kind)
    if kind is str:
        check_text(field, value)
    elif kind in _PLAIN:
        _check_plain(field, value, kind)
    elif origin in {Union, UnionType}:
        _check_optional(field, value, held)
    elif origin is Sequence:
        _check_list(field, value, held[0])
    elif origin is Mapping:
        _check_items(field, value, held[1])
    elif isinstance(kind, type):
        check_instance(field, value, kind)


def check_text(field: str, value: object) -> None:
    """Refuse what is no text, and text that no engine takes: with NUL in it, or without bytes in UTF-8.

    Of what may be a secret, the error shows just what is wrong: the type, or the character.
    """
    if not isinstance(value, str):
        raise InvalidValueError(field, value if isinstance(value, _HARMLESS) else type(value), "give text")
    if "\0" in value:
        raise InvalidValueError(field, "\0", "give text without NUL")
    try:
        value.encode()
    except UnicodeEncodeError as exc:
        raise not_writable(field, exc) from exc


def check_instance(field: str, value: object, kind: type) -> None:
    """Refuse what is no model of a kind; its type is shown, since there may be secrets in the value."""
    if kind is not object and not isinstance(value, kind):
        raise InvalidValueError(field, type(value), f"give an instance of {kind.__name__}")


def _check_plain(field: str, value: object, kind: object) -> None:
    """Check a number or a truth value; the latter are numbers for Python, but not for people."""
    types, allowed = _PLAIN[kind]
    if not isinstance(value, types) or (kind is not bool and isinstance(value, bool)):
        raise InvalidValueError(field, value, allowed)


def _check_optional(field: str, value: object, kinds: tuple[object, ...]) -> None:
    """Check what may be None."""
    if value is not None:
        check(field, value, next(kind for kind in kinds if kind is not NoneType))


def _check_list(field: str, value: object, kind: object) -> None:
    """Check a list's items."""
    if not is_list(value):
        raise InvalidValueError(field, value, "give a list")
    for item in cast("Iterable[object]", value):
        check(field, item, kind)


def _check_items(field: str, value: object, kind: object) -> None:
    """Check a mapping's keys and values; an error shows the key alone, since the value may be a secret."""
    if not isinstance(value, Mapping):
        raise InvalidValueError(field, type(value), "give a mapping")
    for key, item in cast("Mapping[object, object]", value).items():
        check_text(field, key)
        try:
            check(field, item, kind)
        except InvalidValueError as error:
            raise InvalidValueError(field, key, f"its value is wrong: {error.allowed}") from None
