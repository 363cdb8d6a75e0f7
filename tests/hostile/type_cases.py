"""Values of wrong types, for every field of every model that users make."""

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args, get_origin

from msgspec.structs import FieldInfo, fields

from clab_runtime import (
    Bind,
    DNSConfig,
    EndpointlessNode,
    EventStreamOptions,
    GenericFilter,
    HealthcheckConfig,
    MgmtNet,
    NodeConfig,
    PortBinding,
    PullPolicy,
    RuntimeConfig,
    TerminalSize,
    VerifyLinkParams,
    Volume,
)
from tests.hostile.cases import BEFORE, CallWith, Case, Group

_MODELS: Sequence[tuple[type, Mapping[str, object]]] = (
    (NodeConfig, {}),
    (MgmtNet, {}),
    (HealthcheckConfig, {}),
    (DNSConfig, {}),
    (PortBinding, {}),
    (RuntimeConfig, {}),
    (VerifyLinkParams, {}),
    (EventStreamOptions, {}),
    (EndpointlessNode, {"config": NodeConfig()}),
    (GenericFilter, {"filter_type": "label", "field": "a", "operator": "=", "match": "b"}),
    (Bind, {"src": "/a", "dst": "/b"}),
    (TerminalSize, {"width": 80, "height": 24}),
    (Volume, {"name": "v1", "dst": "/b"}),
)
"""The models, each with what it can't be made without."""

_TEXTS = (None, 5, b"x", ["x"], "a\0b", "\ud800")
_WRONG: Mapping[object, Sequence[object]] = {
    str: _TEXTS,
    int: (None, "5", 1.5, True),
    float: (None, "5", True, [1]),
    bool: (None, 1, "yes"),
    Sequence: (None, "x", b"x", 5, {"x": "y"}),
    Mapping: (None, "x", 5, ["x"], {5: "x"}, {"a\0": "x"}),
    PullPolicy: (None, 5, b"Always"),
}
_OF_ITEMS: Mapping[object, Sequence[object]] = {
    Sequence: ([None], [5], [b"x"]),
    Mapping: ({"x": None}, {"x": 5}, {"x": b"y"}),
}


def type_cases() -> Iterator[Case]:
    """Make a case of every field and wrong type."""
    for model, needed in _MODELS:
        for field in fields(model):
            title = f"{model.__name__} {field.name}"
            yield from Group(title, _making(model, needed, field), BEFORE, field.encode_name, _wrong(field)).cases()


def _making(model: type, needed: Mapping[str, object], field: FieldInfo) -> CallWith:
    return lambda at, value: at.make(model, **{**needed, field.name: value})


def _wrong(field: FieldInfo) -> Sequence[object]:
    """Tell what a field does not take; what is held in a mapping of plain objects is anybody's."""
    kinds = get_args(field.type)
    if type(None) in kinds:
        return [value for value in _WRONG.get(kinds[0], (5, "x", {}, [])) if value is not None]
    origin = get_origin(field.type) or field.type
    items = _OF_ITEMS.get(origin, ()) if object not in kinds else ()
    return [*_WRONG.get(origin, (None, 5, "x", {})), *items]
