"""Which containers to list."""

from typing import Self

from clab_runtime.errors import InvalidValueError, not_among
from clab_runtime.models.given import GivenModel, check_text

_TYPES = ("label", "name")
_OPERATORS = ("=", "!=", "exists")


class GenericFilter(GivenModel, frozen=True, omit_defaults=True):
    """A condition on a container's label or name.

    `GenericFilter("label", "containerlab", "=", "demo")`, `GenericFilter("label", "clab-owner", "exists")`,
    `GenericFilter("name", match="clab-demo-r1")`.
    """

    filter_type: str
    """`label` or `name`."""
    field: str = ""
    """The label's name; empty for `name`."""
    operator: str = ""
    """`=`, `!=` or `exists` for a label; empty or `=` for `name`."""
    match: str = ""
    """The label's value, or the exact name; empty for `exists`."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.filter_type not in _TYPES:
            raise not_among("filter_type", self.filter_type, _TYPES)
        if self.filter_type == "label":
            self._check_label()
        else:
            self._check_name()

    @classmethod
    def from_label(cls, text: str) -> Self:
        """Read `name=value`, `name!=value`, or `name` alone for a label that exists."""
        check_text("label", text)
        name, equals, value = text.partition("=")
        if not equals:
            return cls("label", name.strip(), "exists")
        operator = "!=" if name.endswith("!") else "="
        return cls("label", name.removesuffix("!").strip(), operator, value.strip())

    def _check_label(self) -> None:
        """Refuse a label filter that says too little or too much."""
        if not self.field:
            raise InvalidValueError("field", self.field, "name the label")
        if self.operator not in _OPERATORS:
            raise not_among("operator", self.operator, _OPERATORS)
        if self.operator == "exists" and self.match:
            raise InvalidValueError("match", self.match, "exists takes no value; use = to compare one")

    def _check_name(self) -> None:
        """Refuse a name filter that says too little or too much."""
        if self.field:
            raise InvalidValueError("field", self.field, "a name filter has none; give the name as match")
        if self.operator not in {"", "="}:
            raise InvalidValueError("operator", self.operator, "a name is compared by = alone")
        if not self.match:
            raise InvalidValueError("match", self.match, "give the container's exact name")
