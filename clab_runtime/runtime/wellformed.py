"""What holds for all of a node: values are of their fields' types, and texts are such that a kernel can take them.

It is looked at before the fields are read one by one, so that those who read them may rely on it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import NodeConfig

_AS_THEY_ARE = (bytes, bytearray)
"""What msgspec would write as text, so that a name in bytes would become another one."""
_PROBLEM = re.compile(r"(.*?)(?: - at .*?`\$\.([\w-]+).*)?", re.DOTALL)
_WRONG = re.compile("[\0\ud800-\udfff]")
_ALLOWED: Final = "write text that UTF-8 has bytes for, without NUL"


def wellformed(node: NodeConfig) -> NodeConfig:
    """Return a node, with models where there were mappings; refuse wrong types, and text that has no bytes or has NUL.

    Values may be secrets: of one that is wrong the error shows its type, or the one character.
    """
    words = _words(node)
    for word, value in words.items():
        wrong = next((found[0] for text in _texts(value) if (found := _WRONG.search(text))), None)
        if wrong:
            raise InvalidValueError(word, wrong, _ALLOWED)
    try:
        return msgspec.convert(words, NodeConfig)
    except msgspec.ValidationError as error:
        raise _wrong_type(str(error), words) from None


def _words(node: NodeConfig) -> dict[str, object]:
    """Take a node apart; what is at its default is left out."""
    if not isinstance(node, NodeConfig):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidValueError("node", type(node), "give a NodeConfig")
    try:
        return cast("dict[str, object]", msgspec.to_builtins(node, builtin_types=_AS_THEY_ARE))
    except TypeError as error:
        raise InvalidValueError("node", type(node), f"give it texts, numbers and the like: {error}") from None


def _wrong_type(message: str, words: Mapping[str, object]) -> InvalidValueError:
    """Put msgspec's words into ours: it names the place, where there is one, at the end."""
    found = _PROBLEM.fullmatch(message)
    problem, word = found.groups() if found else (message, None)
    return InvalidValueError(word or "node", type(words.get(word) if word else words), f"give what fits: {problem}")


def _texts(value: object) -> Iterator[str]:
    """Go through all texts of a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)
        yield from _texts((*items, *items.values()))
    elif isinstance(value, Sequence):
        for item in cast("Sequence[object]", value):
            yield from _texts(item)
