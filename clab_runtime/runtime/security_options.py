"""Security options of a node, `name=value` as the docker CLI has them, checked as far as no engine is needed."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from clab_runtime.errors import InvalidValueError
from clab_runtime.runtime.settings import words

_NO_NEW_PRIVILEGES = "no-new-privileges"
_TRUE = frozenset({"", "1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


class SecurityOption(msgspec.Struct, frozen=True):
    """An option, taken apart."""

    text: str
    """As it was given."""
    name: str
    value: str

    @property
    def is_on(self) -> bool:
        """Whether a flag is set; alone it is."""
        return self.value in _TRUE


def security_options(texts: Sequence[str]) -> tuple[SecurityOption, ...]:
    """Read the options; refuse unknown ones, and values that no engine takes."""
    options = tuple(_parsed(text) for text in words("security-opts", texts, blanks=True))
    for option in options:
        is_allowed = _ALLOWED.get(option.name)
        if is_allowed is None:
            raise InvalidValueError("security-opts", option.text, f"options are {', '.join(sorted(_ALLOWED))}")
        if not is_allowed(option.value):
            raise InvalidValueError("security-opts", option.text, f"{option.name} has another kind of value")
    return options


def _parsed(text: str) -> SecurityOption:
    """Read `name=value`, the older `name:value`, or a flag alone."""
    separator = "=" if "=" in text else ":"
    name, _, value = text.partition(separator)
    return SecurityOption(text, name, value)


def _is_flag(value: str) -> bool:
    return value in _TRUE | _FALSE


def _is_given(value: str) -> bool:
    return bool(value.strip())


def _is_seccomp(value: str) -> bool:
    """Tell whether it is a word, a path, or a profile that is JSON."""
    if not value.lstrip().startswith("{"):
        return _is_given(value)
    try:
        msgspec.json.decode(value)
    except msgspec.DecodeError:
        return False
    return True


_ALLOWED: Mapping[str, Callable[[str], bool]] = {
    _NO_NEW_PRIVILEGES: _is_flag,
    "seccomp": _is_seccomp,
    "apparmor": _is_given,
    "label": _is_given,
    "systempaths": lambda value: value == "unconfined",
    "writable-cgroups": _is_flag,
}
"""The options' names, each with what its values have to be."""
