"""Arguments that can't be, method by method."""

import math
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from clab_runtime import (
    CONTAINER_RUNTIMES,
    EndpointlessNode,
    ExecCmd,
    GenericFilter,
    MgmtNet,
    NodeConfig,
    PullPolicy,
    RuntimeConfig,
    new_runtime,
    register,
    wait_for_container_running,
)
from tests.hostile.cases import BEFORE, EITHER, ENGINE, HARMLESS, Call, Case, Outcome, shown

LONG = "x" * 10_000
HUGE = 10**400
NOT_YET = frozenset(Outcome)
"""Of methods that are not there on every engine yet: whatever it is, it is one of ours."""

NO_NAMES: Sequence[object] = ("", " ", "\t\n", ".", "..", None, 5, 1.5, b"x1", ["x1"], {"x": 1}, "\ud800")
"""What no container is called, nor an image."""
STRANGERS = (
    "a/../../images/json",
    "../../_ping",
    "x1\r\nHost: evil",
    "%2e%2e",
    "%00",
    "a\0b",
    "n\u0153ud",
    "x1?force=1",
    "x1#y",
)
STRANGERS += ("a b", "*", "{}", "x1/../x2", "\u202e1x", LONG)
"""What is carried to the engine as it is, which knows none of it."""

_Of: TypeAlias = Callable[[Any, Any], Awaitable[object]]
"""A call of a method on a runtime, with a container's name."""

_CONTAINER_METHODS: Mapping[str, tuple[_Of, frozenset[Outcome]]] = {
    "start_container": (lambda runtime, name: runtime.start_container(name, EndpointlessNode(NodeConfig())), ENGINE),
    "stop_container": (lambda runtime, name: runtime.stop_container(name), ENGINE),
    "pause_container": (lambda runtime, name: runtime.pause_container(name), ENGINE),
    "unpause_container": (lambda runtime, name: runtime.unpause_container(name), ENGINE),
    "delete_container": (lambda runtime, name: runtime.delete_container(name), HARMLESS),
    "get_container_status": (lambda runtime, name: runtime.get_container_status(name), HARMLESS),
    "is_healthy": (lambda runtime, name: runtime.is_healthy(name), ENGINE),
    "get_ns_path": (lambda runtime, name: runtime.get_ns_path(name), EITHER),
    "get_hosts_path": (lambda runtime, name: runtime.get_hosts_path(name), ENGINE),
    "log_non_running_container_output": (lambda runtime, name: runtime.log_non_running_container_output(name), NOT_YET),
    "exec": (lambda runtime, name: runtime.exec(name, ExecCmd("true")), ENGINE),
    "exec_not_wait": (lambda runtime, name: runtime.exec_not_wait(name, ExecCmd("true")), ENGINE),
    "write_to_stdin_no_wait": (lambda runtime, name: runtime.write_to_stdin_no_wait(name, b"x"), EITHER),
    "copy_to_container": (lambda runtime, name: runtime.copy_to_container(name, "/tmp/x", "/etc/hostname"), EITHER),
    "stream_logs": (lambda runtime, name: runtime.stream_logs(name).__anext__(), ENGINE),
}
"""Every method that takes a container, and what comes of one that the engine does not know."""

_FOREVER = datetime.max.replace(tzinfo=UTC)
_LINE = "one of the log"


def method_cases() -> Iterator[Case]:
    """Make the cases of all methods."""
    for name, (call, unknown) in _CONTAINER_METHODS.items():
        for value in NO_NAMES:
            yield _on_runtime(
                f"{name} {shown(value)}", lambda runtime, c=call, v=value: c(runtime, v), BEFORE, "container"
            )
        for value in STRANGERS:
            yield _on_runtime(f"{name} {shown(value)}", lambda runtime, c=call, v=value: c(runtime, v), unknown)
    for group in (_of_images, _of_nodes, _of_commands, _of_streams, _of_lists, _of_settings, _of_waits):
        yield from group()


def _on_runtime(name: str, call: Call, expected: frozenset[Outcome] = BEFORE, field: str = "") -> Case:
    return Case(name, lambda at: call(at.runtime), expected, field)


def _of_images() -> Iterator[Case]:
    """Make the cases of images."""
    for value in (
        *NO_NAMES,
        "UPPER",
        "a b",
        "alpine:",
        "x\r\nHost: evil",
        "../x",
        "http://x",
        "alpine@sha256:1",
        LONG,
        "f" * 64,
    ):
        yield _on_runtime(f"pull_image {shown(value)}", lambda runtime, v=value: runtime.pull_image(v), BEFORE, "image")
    for value in ("", "sometimes", None, 5, b"Never", ["Never"], "always\0"):
        call = lambda runtime, v=value: runtime.pull_image("busybox", v)  # noqa: E731 - it is one of many
        yield _on_runtime(f"pull_image policy={shown(value)}", call, BEFORE, "image-pull-policy")
    for value in ("nosuch/image:1", "busybox:nosuch", "busybox@sha256:" + "0" * 64):
        call = lambda runtime, v=value: runtime.pull_image(v, PullPolicy.NEVER)  # noqa: E731 - it is one of many
        yield _on_runtime(f"pull_image Never {shown(value)}", call, ENGINE)
    yield _on_runtime("pull_image from nowhere", lambda runtime: runtime.pull_image("127.0.0.1:1/x:1"), ENGINE)
    for value in NO_NAMES:
        yield _on_runtime(
            f"inspect_image {shown(value)}", lambda runtime, v=value: runtime.inspect_image(v), BEFORE, "image"
        )
    for value in STRANGERS:
        yield _on_runtime(f"inspect_image {shown(value)}", lambda runtime, v=value: runtime.inspect_image(v), ENGINE)


def _of_nodes() -> Iterator[Case]:
    """Make the cases of what is given for a node."""
    for value in (None, "r1", 5, {"image": "busybox"}, [], EndpointlessNode(NodeConfig()), NodeConfig):
        yield _on_runtime(
            f"create_container {shown(value)}", lambda runtime, v=value: runtime.create_container(v), BEFORE, "node"
        )
    for value in (None, "r1", 5, {"config": {}}, NodeConfig(), EndpointlessNode):
        call = lambda at, v=value: at.runtime.start_container(at.target, v)  # noqa: E731 - it is one of many
        yield Case(f"start_container node={shown(value)}", call, BEFORE, "node")
    for value in ("NOSUCH", "SIGNOSUCH", "-1", "9999", "TERM; rm", "TERM\r\nX: y", " ", "\ud800", 5, b"TERM", ["TERM"]):
        yield Case(
            f"stop_container signal={shown(value)}", lambda at, v=value: at.runtime.stop_container(at.target, v), EITHER
        )


def _of_commands() -> Iterator[Case]:
    """Make the cases of commands, and of what goes into a container."""
    for value in ("ls", None, 5, b"ls", ["ls"], ("ls",), {"argv": ["ls"]}, ExecCmd):
        for method in ("exec", "exec_not_wait"):
            call = lambda at, m=method, v=value: getattr(at.runtime, m)(at.target, v)  # noqa: E731 - it is one of many
            yield Case(f"{method} command={shown(value)}", call, BEFORE, "command")
    for value in (
        "",
        " ",
        "'",
        '"a',
        None,
        5,
        b"ls",
        [],
        [""],
        ["ls", 5],
        [None],
        ["a\0b"],
        "a\0b",
        "\ud800",
        {"ls": 1},
        [b"ls"],
    ):
        yield Case(f"ExecCmd {shown(value)}", lambda _, v=value: _make(ExecCmd, v), BEFORE, "command")
    yield Case(
        "exec_not_wait of no program",
        lambda at: at.runtime.exec_not_wait(at.target, ExecCmd("/nosuch")),
        ENGINE | HARMLESS,
    )
    yield Case("exec of no program", lambda at: at.exits("/nosuch/program", 126, 127), HARMLESS)
    yield Case("exec with shell's signs", lambda at: at.prints(["echo", "; id && $(id) `id` | id"]), HARMLESS)
    yield Case("exec with a line's end", lambda at: at.prints(["echo", "a\r\nHost: evil"]), HARMLESS)
    for value in (None, "text", 5, ["x"]):
        call = lambda at, v=value: at.runtime.write_to_stdin_no_wait(at.target, v)  # noqa: E731 - it is one of many
        yield Case(f"write_to_stdin_no_wait {shown(value)}", call, BEFORE)
    for value in ("", " ", "relative", "../x", "/", None, 5, b"/x", "/x\0", "\ud800"):
        call = lambda at, v=value: at.runtime.copy_to_container(at.target, v, "/etc/hostname")  # noqa: E731 - it is one of many
        yield Case(f"copy_to_container to {shown(value)}", call, EITHER)
    for value in ("", "/nosuch/file", "/etc", "/dev/zero", None, 5, b"/etc/hostname", "/etc/hostname\0", "\ud800"):
        call = lambda at, v=value: at.runtime.copy_to_container(at.target, "/tmp/x", v)  # noqa: E731 - it is one of many
        yield Case(f"copy_to_container from {shown(value)}", call, BEFORE)


def _of_streams() -> Iterator[Case]:
    """Make the cases of streams."""
    arguments: Mapping[str, Sequence[object]] = {
        "tail": (-1, "5", True, 1.5, HUGE, [], b"1", "all"),
        "since": (5, 1.5, "2026-01-01", datetime(2026, 1, 1), datetime.min.replace(tzinfo=UTC), "\ud800"),  # noqa: DTZ001 - that is it
        "until": (5, 1.5, "2026-01-01", datetime(2026, 1, 1), datetime.min.replace(tzinfo=UTC), "\ud800"),  # noqa: DTZ001 - that is it
        "follow": (None, 1, "yes"),
        "timestamps": (None, 1, "yes"),
    }
    for name, values in arguments.items():
        for value in values:
            call = lambda at, n=name, v=value: at.log(**{n: v})  # noqa: E731 - it is one of many
            yield Case(f"stream_logs {name}={shown(value)}", call, BEFORE, name)
    yield Case("stream_logs until the end of time", lambda at: at.log(follow=False, until=_FOREVER), HARMLESS)
    for value in ({}, {"containerlab": "x"}, "x", 5, [], b"x"):
        yield Case(f"stream_events {shown(value)}", lambda at, v=value: at.listen(v), BEFORE, "options")


def _of_lists() -> Iterator[Case]:
    """Make the cases of filters."""
    one = GenericFilter("name", match="x1")
    for value in (None, "name=x1", b"x", 5, one, [None], ["name=x1"], [5], {"name": "x1"}, [[one]]):
        yield _on_runtime(
            f"list_containers {shown(value)}", lambda runtime, v=value: runtime.list_containers(v), BEFORE, "filters"
        )
    for words in (
        ("", "a", "=", "b"),
        ("id", "a", "=", "b"),
        ("label",),
        ("label", "", "=", "x"),
        ("label", "a"),
        ("label", "a", "~", "b"),
    ):
        yield Case(f"GenericFilter{words}", lambda _, w=words: _make(GenericFilter, *w))
    for words in (
        ("label", "a", "exists", "b"),
        ("name",),
        ("name", "a", "=", "x"),
        ("name", "", "!=", "x"),
        ("name", "", "exists", "x"),
    ):
        yield Case(f"GenericFilter{words}", lambda _, w=words: _make(GenericFilter, *w))
    for value in ("", "=x", " ", "!=x", None, 5, b"a=b", "\ud800", "a\0=b"):
        yield Case(f"GenericFilter.from_label {shown(value)}", lambda _, v=value: _make(GenericFilter.from_label, v))
    for value in ("a,b", '"]}', "a\r\nb", "^.*$", "a\\", "\u202e", LONG):
        yield Case(
            f"list_containers label={shown(value)}",
            lambda at, v=value: at.finds_none(GenericFilter("label", v, "=", v)),
            HARMLESS,
        )
        yield Case(
            f"list_containers name={shown(value)}",
            lambda at, v=value: at.finds_none(GenericFilter("name", match=v)),
            HARMLESS,
        )


def _of_settings() -> Iterator[Case]:
    """Make the cases of what a runtime is opened with."""
    for value in (math.nan, math.inf, -math.inf, -1, 1e300, HUGE, "30", None, True):
        yield Case(
            f"RuntimeConfig timeout={shown(value)}",
            lambda _, v=value: _make(RuntimeConfig, timeout=v),
            BEFORE,
            "timeout",
        )
    for value in ("", " ", "Docker", "nosuch", "docker\0", "../docker", "\ud800", None, 5, b"docker", ["docker"], LONG):
        yield Case(f"open_runtime {shown(value)}", lambda at, v=value: at.open(v), BEFORE, "runtime")
        yield Case(f"new_runtime {shown(value)}", lambda _, v=value: _make(new_runtime, v), BEFORE, "runtime")
    for value in ("", " ", None, 5, b"x", ["x"], "x\0", "\ud800"):
        call = lambda _, v=value: _make(register, v, CONTAINER_RUNTIMES["docker"])  # noqa: E731 - it is one of many
        yield Case(f"register {shown(value)}", call, BEFORE, "name")
    for value in (None, "docker", 5):
        yield Case(f"register x {shown(value)}", lambda _, v=value: _make(register, "x", v), BEFORE, "initializer")
    for value in ("x", 5, {}, {"timeout": 5}, MgmtNet(), RuntimeConfig):
        yield Case(f"open_runtime config={shown(value)}", lambda at, v=value: at.open(config=v), BEFORE, "config")
    for value in ("clab", 5, [], RuntimeConfig(), MgmtNet):
        yield Case(f"open_runtime mgmt={shown(value)}", lambda at, v=value: at.open(mgmt=v), BEFORE, "mgmt")
    for value in (None, 1, "no"):
        yield Case(
            f"open_runtime keep_mgmt_net={shown(value)}",
            lambda at, v=value: at.open(keep_mgmt_net=v),
            BEFORE,
            "keep_mgmt_net",
        )
    for value in (None, "x", MgmtNet(), RuntimeConfig()):
        yield _on_runtime(f"init {shown(value)}", lambda runtime, v=value: runtime.init(v), BEFORE, "option")


def _of_waits() -> Iterator[Case]:
    """Make the cases of waits."""
    arguments: Mapping[str, Sequence[object]] = {
        "timeout": (-1, math.nan, -math.inf, "5", None, True, []),
        "interval": (0, -1, math.nan, math.inf, "5", None, True),
    }
    for name, values in arguments.items():
        for value in values:
            call = lambda at, n=name, v=value: wait_for_container_running(at.runtime, at.target, "r1", **{n: v})  # noqa: E731
            yield Case(f"wait_for_container_running {name}={shown(value)}", call, BEFORE, name)
    for value in (None, "docker", 5):
        call = lambda at, v=value: wait_for_container_running(v, at.target, "r1")  # noqa: E731 - it is one of many
        yield Case(f"wait_for_container_running {shown(value)}", call, BEFORE, "runtime")


async def _make(function: Callable[..., object], *words: object, **more: object) -> object:
    """Call what is not awaited."""
    return function(*words, **more)
