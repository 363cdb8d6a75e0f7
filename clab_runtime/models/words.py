"""Reading and writing models in containerlab's own JSON and YAML words."""

import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from types import ModuleType, NoneType, UnionType
from typing import ClassVar, Self, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec.structs import fields

from clab_runtime.models.base import Model
from clab_runtime.models.given import GivenModel

_M = TypeVar("_M", bound="WordedModel")


class WordedModel(GivenModel, frozen=True, omit_defaults=True):
    """A model that containerlab saves and loads too.

    Whatever does not fit raises `msgspec.DecodeError` (`msgspec.ValidationError` names the place).
    """

    deprecated_words: ClassVar[Mapping[str, str]] = {}
    """Words that are still read, each with the word that replaced it."""

    @classmethod
    def from_json(cls, data: bytes | str) -> Self:
        """Read the JSON that containerlab writes."""
        return _build(cls, _load_json(data))

    @classmethod
    def from_yaml(cls, data: bytes | str) -> Self:
        """Read YAML; needs the extra `yaml`. A scalar in a text field is taken as it is written: 1.10 stays 1.10."""
        return _build(cls, _load_yaml(data))

    @classmethod
    def from_containerlab(cls, words: Mapping[str, object]) -> Self:
        """Read a mapping that is already decoded."""
        return _build(cls, words)

    def to_json(self) -> bytes:
        """Write JSON; what has its default value is left out."""
        return msgspec.json.encode(self)

    def to_yaml(self) -> bytes:
        """Write YAML; needs the extra `yaml`."""
        _pyyaml()
        return msgspec.yaml.encode(self)


def _build(model: type[_M], data: object) -> _M:
    """Make the model; numbers and truth values may be text, as in older files and in YAML."""
    if isinstance(data, Mapping):
        data = _modernised(cast("Mapping[str, object]", data), model.deprecated_words)
    return msgspec.convert(tidied(data, model), model, strict=False)


def _modernised(data: Mapping[str, object], deprecated: Mapping[str, str]) -> Mapping[str, object]:
    """Put the new words for the old ones, with a warning each; where both are given the new one wins."""
    modern = dict(data)
    for old in deprecated.keys() & data.keys():
        new = deprecated[old]
        warnings.warn(f"the word {old!r} is deprecated, write {new!r}", DeprecationWarning, stacklevel=4)
        modern[new] = modern.get(new) or data[old]
    return modern


def tidied(data: object, hint: object) -> object:
    """Drop Go's nulls and spell the words as the model has them, at every depth that the type describes."""
    hint = _without_none(hint)
    if isinstance(hint, type) and issubclass(hint, Model) and isinstance(data, Mapping):
        return _tidied_model(cast("Mapping[str, object]", data), hint)
    held = get_args(hint)
    if held and isinstance(data, Mapping):
        items = cast("Mapping[str, object]", data).items()
        return {key: _empty(held[-1]) if value is None else tidied(value, held[-1]) for key, value in items}
    if held and isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return [tidied(item, held[-1]) for item in cast("Sequence[object]", data)]
    return data


def _tidied_model(data: Mapping[str, object], model: type[Model]) -> dict[str, object]:
    """Keep what the model knows; Go writes fields without a word of their own as `Healthcheck`, `StartPeriod`."""
    known = _words(model)
    tidy: dict[str, object] = {}
    for key, value in data.items():
        found = known.get(key) or known.get(_folded(key))
        if found and value is not None:
            word, hint = found
            tidy[word] = tidied(value, hint)
    return tidy


@cache
def _words(model: type[Model]) -> Mapping[str, tuple[str, object]]:
    """Map each word, and each word folded, to the word and its field's type; an exact word goes first."""
    exact: dict[str, tuple[str, object]] = {
        field.encode_name: (field.encode_name, field.type) for field in fields(model)
    }
    return {_folded(word): entry for word, entry in exact.items()} | exact


def _folded(word: str) -> str:
    """Leave out what Go's field names and containerlab's words spell differently."""
    return word.replace("-", "").lower()


def _without_none(hint: object) -> object:
    """Take X of `X | None`."""
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    return next(part for part in get_args(hint) if part is not NoneType)


def _empty(hint: object) -> object:
    """Tell what Go reads a null as, inside a map."""
    empties: dict[object, object] = {str: "", Sequence: (), Mapping: {}}
    return empties.get(get_origin(hint) or hint)


def _load_json(data: bytes | str) -> object:
    """Load JSON; the decoder has other words for bytes that are no UTF-8, and for too many brackets."""
    try:
        return msgspec.json.decode(data)
    except (UnicodeError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


def _load_yaml(data: bytes | str) -> object:
    """Load YAML with its scalars as text; the model's types tell what they are."""
    yaml = _pyyaml()
    try:
        return yaml.load(data, Loader=_text_loader())
    except (yaml.YAMLError, RecursionError) as error:
        raise msgspec.DecodeError(str(error)) from error


@cache
def _text_loader() -> object:
    """Make a safe loader that resolves nothing but null and merge keys: `no` and 0644 mean what they say."""
    loader = _pyyaml().SafeLoader
    kept = {"tag:yaml.org,2002:null", "tag:yaml.org,2002:merge"}
    resolvers = {
        first: [(tag, pattern) for tag, pattern in known if tag in kept]
        for first, known in loader.yaml_implicit_resolvers.items()
    }
    return type("TextLoader", (loader,), {"yaml_implicit_resolvers": resolvers})


def _pyyaml() -> ModuleType:
    """Import PyYAML when it is needed."""
    try:
        return import_module("yaml")
    except ImportError as error:
        raise ImportError("YAML needs PyYAML; install clab-runtime[yaml]") from error
