"""GenericFilter says what it allows."""

from typing import Any

import pytest

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import GenericFilter


@pytest.mark.parametrize("arguments", [("label", "a", "=", "b"), ("label", "a", "!=", "b"), ("label", "a", "exists")])
def test_a_label_is_compared_or_exists(arguments: tuple[str, ...]) -> None:
    assert GenericFilter(*arguments).field == "a"


def test_an_empty_value_can_be_compared() -> None:
    assert GenericFilter("label", "a", "=", "").match == ""


def test_a_name_needs_a_match_alone() -> None:
    assert GenericFilter("name", match="r1") == GenericFilter("name", "", "", "r1")
    assert GenericFilter("name", operator="=", match="r1").match == "r1"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"filter_type": "image", "match": "x"}, "filter_type: 'image' .* choose one of label, name"),
        ({"filter_type": "label", "operator": "=", "match": "x"}, "field: '' .* name the label"),
        ({"filter_type": "label", "field": "a"}, "operator: '' .* choose one of =, !=, exists"),
        ({"filter_type": "label", "field": "a", "operator": "~"}, "operator: '~' .* choose one of =, !=, exists"),
        ({"filter_type": "label", "field": "a", "operator": "exists", "match": "b"}, "match: 'b' .* takes no value"),
        ({"filter_type": "name"}, "match: '' .* exact name"),
        ({"filter_type": "name", "field": "a", "match": "b"}, "field: 'a' .* give the name as match"),
        ({"filter_type": "name", "operator": "!=", "match": "b"}, "operator: '!=' .* by = alone"),
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_with_what_is_allowed(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValueError, match=says):
        GenericFilter(**given)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=b", GenericFilter("label", "a", "=", "b")),
        ("a = b=c", GenericFilter("label", "a", "=", "b=c")),
        ("a!=b", GenericFilter("label", "a", "!=", "b")),
        ("a", GenericFilter("label", "a", "exists")),
        ("a=", GenericFilter("label", "a", "=", "")),
    ],
)
def test_a_filter_is_read_from_a_label(text: str, expected: GenericFilter) -> None:
    assert GenericFilter.from_label(text) == expected


@pytest.mark.parametrize("text", ["", "=b", " "])
def test_a_label_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidValueError, match="name the label"):
        GenericFilter.from_label(text)
