"""Arguments of the runtimes' methods, refused before any request where they can't be right."""

from datetime import datetime
from typing import Final

from clab_runtime.errors import InvalidValueError
from clab_runtime.models import LogMatch, NodeConfig, TerminalSize, WaitFor

MOST_LINES: Final = 2**31 - 1
"""Lines of a log that any engine can count."""

LEAST_INTERVAL: Final = 0.1
"""Seconds between two measurements of a container."""


def check_option(option: object) -> None:
    """Refuse what `init` can't apply; people pass the setting itself."""
    if not callable(option):
        raise InvalidValueError("option", type(option), "wrap it: with_config(...), with_mgmt_net(...)")


def check_node(node: object) -> None:
    """Refuse what is no Node; people pass its configuration."""
    if not isinstance(getattr(node, "config", None), NodeConfig):
        raise InvalidValueError("node", type(node), "give a Node, such as EndpointlessNode(config)")


def check_runtime(runtime: object) -> None:
    """Refuse what is no runtime; people pass its name."""
    if not callable(getattr(runtime, "get_container_status", None)):
        raise InvalidValueError("runtime", type(runtime), "give a ContainerRuntime, such as open_runtime() gives")


def check_flag(field: str, value: object) -> None:
    """Refuse what only looks like a truth value."""
    if not isinstance(value, bool):
        raise InvalidValueError(field, value, "give True or False")


def check_lines(tail: object) -> None:
    """Refuse what is no number of lines; None is all of them."""
    if tail is None:
        return
    if not isinstance(tail, int) or isinstance(tail, bool) or not 0 <= tail <= MOST_LINES:
        raise InvalidValueError("tail", tail, f"give a number of lines, at most {MOST_LINES}, or None for all")


def timestamp(field: str, moment: object) -> float | None:
    """Tell a point in time in seconds since 1970, which is as far back as engines go."""
    if moment is None:
        return None
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise InvalidValueError(field, moment, "give a datetime with a time zone, such as datetime.now(UTC)")
    seconds = moment.timestamp()
    if seconds < 0:
        raise InvalidValueError(field, moment, "give a moment after 1970")
    return seconds


def check_condition(condition: object) -> None:
    """Refuse what nobody can wait for; people pass the pattern itself."""
    if not isinstance(condition, WaitFor | LogMatch):
        allowed = ", ".join(f"WaitFor.{each.name}" for each in WaitFor)
        raise InvalidValueError("condition", condition, f"give LogMatch(pattern), or one of {allowed}")


def check_seconds(field: str, seconds: object, *, least: float = 0) -> None:
    """Refuse what is no time to wait; not-a-number is none."""
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not seconds >= least:
        raise InvalidValueError(field, seconds, f"give seconds, {least:g} or more")


def check_size(size: object, *, tty: bool) -> None:
    """Refuse what is no size, and one where there is no terminal."""
    if size is not None and not isinstance(size, TerminalSize):
        raise InvalidValueError("size", size, "give a TerminalSize(width, height)")
    if size is not None and not tty:
        raise InvalidValueError("size", size, "only a terminal has a size: give tty=True")
