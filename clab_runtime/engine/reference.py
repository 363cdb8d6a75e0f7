"""Image references, by the grammar and the short forms of the docker CLI.

`alpine` is short for `docker.io/library/alpine:latest`; what comes before the first slash is a registry only if it has
a dot, a colon or an upper-case letter in it, or is `localhost`.
"""

import re
from typing import Final, Self

import msgspec

from clab_runtime.errors import InvalidValueError

DEFAULT_DOMAIN: Final = "docker.io"
_LEGACY_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_LATEST = "latest"
_LONGEST_NAME = 255

_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}")
_DIGEST = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([0-9a-f]+)")
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_BARE_ID = re.compile(r"[0-9a-f]{64}")


class ImageReference(msgspec.Struct, frozen=True):
    """A normalised reference: nothing in it is left to a default but the tag beside a digest."""

    domain: str
    """The registry, `docker.io` or `reg.example:5000`."""
    path: str
    """The repository in the registry, `library/alpine`."""
    tag: str = ""
    """The tag; empty only where there is a digest."""
    digest: str = ""
    """The digest, `sha256:...`, or nothing."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a reference as people write it; raise InvalidValueError for what is none."""
        if not isinstance(text, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise _invalid(text, "give text")
        if _BARE_ID.fullmatch(text):
            raise _invalid(text, "64 hexadecimal digits are an image's id, not its name")
        rest, at, digest = text.partition("@")
        name, tag = _cut_tag(rest)
        domain, path = _split_domain(name)
        _check_name(text, domain, path)
        _check_suffixes(text, tag, digest if at else None)
        return cls(domain, path, tag if tag is not None else ("" if at else _LATEST), digest)

    @property
    def repository(self) -> str:
        """The registry and the path, `docker.io/library/alpine`."""
        return f"{self.domain}/{self.path}"

    @property
    def familiar(self) -> str:
        """The shortest form that means the same, `alpine:latest`."""
        return self._familiar_name() + self._suffix()

    def __str__(self) -> str:
        return self.repository + self._suffix()

    def _suffix(self) -> str:
        """Write the tag and the digest."""
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def _familiar_name(self) -> str:
        """Leave out what `parse` adds again."""
        short = self.path.removeprefix(_OFFICIAL)
        candidates = (short, self.path) if self.domain == DEFAULT_DOMAIN else ()
        return next((name for name in candidates if _split_domain(name) == (self.domain, self.path)), self.repository)


def _cut_tag(rest: str) -> tuple[str, str | None]:
    """Cut the tag off; a colon before the last slash belongs to a port."""
    name, colon, tag = rest.rpartition(":")
    return (name, tag) if colon and "/" not in tag else (rest, None)


def _split_domain(name: str) -> tuple[str, str]:
    """Tell the registry from the path, and fill in Docker's own."""
    first, slash, rest = name.partition("/")
    if not slash or not _is_domain(first):
        first, rest = DEFAULT_DOMAIN, name
    domain = DEFAULT_DOMAIN if first == _LEGACY_DOMAIN else first
    if domain == DEFAULT_DOMAIN and "/" not in rest:
        rest = _OFFICIAL + rest
    return domain, rest


def _is_domain(first: str) -> bool:
    """Tell whether the part before the first slash is a registry."""
    return first == "localhost" or any(mark in first for mark in ".:") or first != first.lower()


def _check_name(text: str, domain: str, path: str) -> None:
    """Refuse a registry or a repository that is not spelled as one."""
    if path != path.lower():
        raise _invalid(text, "a repository's name is in lower case")
    if not _DOMAIN.fullmatch(domain) or not _PATH.fullmatch(path):
        raise _invalid(text, "write [registry[:port]/]name[:tag][@digest]")
    if len(domain) + 1 + len(path) > _LONGEST_NAME:
        raise _invalid(text, f"registry and name have at most {_LONGEST_NAME} characters")


def _check_suffixes(text: str, tag: str | None, digest: str | None) -> None:
    """Refuse a tag or a digest that is not spelled as one."""
    if tag is not None and not _TAG.fullmatch(tag):
        raise _invalid(text, "a tag has 1 to 128 letters, digits, _, . and -, and begins with none of the last two")
    if digest is None:
        return
    parts = _DIGEST.fullmatch(digest)
    if not parts or _DIGEST_LENGTHS.get(parts[1]) != len(parts[2]):
        raise _invalid(text, "a digest is sha256:, sha384: or sha512: and all of its lower-case hexadecimal digits")


def _invalid(text: str, allowed: str) -> InvalidValueError:
    """Make the error that names the reference."""
    return InvalidValueError("image", text, allowed)
