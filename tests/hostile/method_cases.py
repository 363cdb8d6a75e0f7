"""Arguments that can't be, method by method."""

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from clab_runtime import (
    CONTAINER_RUNTIMES,
    EndpointlessNode,
    ExecCmd,
    ExecCollection,
    GenericFilter,
    MgmtNet,
    NodeConfig,
    PullPolicy,
    RuntimeConfig,
    TerminalSize,
    WaitFor,
    new_runtime,
    register,
    wait_for_container_running,
)
from tests.hostile.cases import BEFORE, EITHER, ENGINE, HARMLESS, CallWith, Case, Group, Outcome

LONG = "x" * 10_000
HUGE = 10**400
EVIL_LINE = "x1\r\nHost: evil"
FOREVER = datetime.max.replace(tzinfo=UTC)
LONG_AGO = datetime.min.replace(tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - that is what is wrong with it
NODE = EndpointlessNode(NodeConfig())
ONE = GenericFilter("name", match="x1")

# fmt: off
NO_NAMES: Sequence[object] = (
    "", " ", "\t\n", ".", "..", "/", "/x1", "x1/", "a/../../images/json", "../../_ping", "a//b", "\ud800",
    "%2e%2e", "%00", "a\0b",
    None, 5, 1.5, b"x1", ["x1"], {"x": 1},
)
"""What no container is called, nor an image: refused before any request."""
STRANGERS: Sequence[object] = (
    "a/b", EVIL_LINE, "x1%", "n\u0153ud", "x1?force=1", "x1#y", "a b", "*", "{}", "\u202e1x", LONG,
)
"""What is carried to the engine as it is, which knows none of it."""
# fmt: on

OF_CONTAINERS: Mapping[str, tuple[CallWith, frozenset[Outcome]]] = {
    "start_container": (lambda at, name: at.runtime.start_container(name, NODE), ENGINE),
    "stop_container": (lambda at, name: at.runtime.stop_container(name), ENGINE),
    "pause_container": (lambda at, name: at.runtime.pause_container(name), ENGINE),
    "unpause_container": (lambda at, name: at.runtime.unpause_container(name), ENGINE),
    "delete_container": (lambda at, name: at.runtime.delete_container(name), HARMLESS),
    "get_container_status": (lambda at, name: at.knows_none(name), HARMLESS),
    "is_healthy": (lambda at, name: at.runtime.is_healthy(name), ENGINE),
    "get_ns_path": (lambda at, name: at.runtime.get_ns_path(name), ENGINE),
    "get_stats": (lambda at, name: at.runtime.get_stats(name), ENGINE),
    "get_hosts_path": (lambda at, name: at.runtime.get_hosts_path(name), ENGINE),
    "log_non_running_container_output": (lambda at, name: at.runtime.log_non_running_container_output(name), ENGINE),
    "exec": (lambda at, name: at.runtime.exec(name, ExecCmd("true")), ENGINE),
    "exec_not_wait": (lambda at, name: at.runtime.exec_not_wait(name, ExecCmd("true")), ENGINE),
    "open_exec": (lambda at, name: at.open_session("open_exec", name, ExecCmd("true")), ENGINE),
    "attach": (lambda at, name: at.open_session("attach", name), ENGINE),
    "write_to_stdin_no_wait": (lambda at, name: at.runtime.write_to_stdin_no_wait(name, b"x"), ENGINE),
    "copy_to_container": (lambda at, name: at.runtime.copy_to_container(name, "/tmp/x", "/etc/hostname"), ENGINE),
    "stream_logs": (lambda at, name: anext(at.runtime.stream_logs(name)), ENGINE),
    "merge_logs": (lambda at, name: anext(at.runtime.merge_logs([name])), ENGINE),
    "wait_all": (lambda at, name: at.runtime.wait_all([name], WaitFor.RUNNING), ENGINE),
    "wait_any": (lambda at, name: at.runtime.wait_any([name], WaitFor.RUNNING), ENGINE),
}
"""Every method that takes a container, and what comes of one that the engine does not know."""

# fmt: off
OF_IMAGES: Sequence[Group] = (
    Group("inspect_image", lambda at, image: at.runtime.inspect_image(image), BEFORE, "image", NO_NAMES),
    Group("inspect_image", lambda at, image: at.runtime.inspect_image(image), ENGINE, "", STRANGERS),
    Group("pull_image", lambda at, image: at.runtime.pull_image(image), BEFORE, "image", (
        *NO_NAMES, "upper/CASE", "a b", "alpine:", EVIL_LINE, "http://x", "alpine@sha256:1", LONG, "f" * 64,
    )),
    Group("pull_image", lambda at, image: at.runtime.pull_image(image), ENGINE, "", ("127.0.0.1:1/x:1",)),
    Group("stream_pull", lambda at, image: at.pull(image), BEFORE, "image", (*NO_NAMES, "upper/CASE", EVIL_LINE, LONG)),
    Group("stream_pull", lambda at, image: at.pull(image), ENGINE, "", ("127.0.0.1:1/x:2",)),
    Group("stream_pull policy", lambda at, policy: at.pull("busybox", policy), BEFORE, "image-pull-policy", ("", 5)),
    Group("pull_image Never", lambda at, image: at.runtime.pull_image(image, PullPolicy.NEVER), ENGINE, "", (
        "nosuch/image:1", "busybox:nosuch", "busybox@sha256:" + "0" * 64,
    )),
    Group("pull_image policy", lambda at, policy: at.runtime.pull_image("busybox", policy),
          BEFORE, "image-pull-policy", ("", "sometimes", None, 5, b"Never", ["Never"], "always\0")),
)

OF_NODES: Sequence[Group] = (
    Group("create_container", lambda at, node: at.runtime.create_container(node), BEFORE, "node", (
        None, "r1", 5, {"image": "busybox"}, [], NODE, NodeConfig,
    )),
    Group("start_container node", lambda at, node: at.runtime.start_container(at.target, node), BEFORE, "node", (
        None, "r1", 5, {"config": {}}, NodeConfig(), EndpointlessNode,
    )),
    Group("stop_container signal", lambda at, signal: at.runtime.stop_container(at.target, signal), BEFORE, "signal", (
        "NOSUCH", "SIGNOSUCH", "-1", "9999", "TERM; rm", EVIL_LINE, " ", "\ud800", 5, b"TERM", ["TERM"],
    )),
)

_NO_COMMANDS = ("ls", None, 5, b"ls", ["ls"], ("ls",), {"argv": ["ls"]}, ExecCmd)
OF_COMMANDS: Sequence[Group] = (
    Group("exec command", lambda at, command: at.runtime.exec(at.target, command), BEFORE, "command", _NO_COMMANDS),
    Group("exec_not_wait command", lambda at, command: at.runtime.exec_not_wait(at.target, command),
          BEFORE, "command", _NO_COMMANDS),
    Group("open_exec command", lambda at, command: at.exec_session(command), BEFORE, "command", _NO_COMMANDS),
    Group("ExecCmd", lambda at, command: at.make(ExecCmd, command), BEFORE, "command", (
        "", " ", "'", '"a', None, 5, b"ls", [], [""], ["ls", 5], [None], [b"ls"], ["a\0b"], "a\0b", "\ud800", {"ls": 1},
    )),
    Group("ExecCollection", lambda at, results: at.make(ExecCollection().add, "r1", *results), BEFORE, "results", (
        (None,), ("uid=0",), (5, 6), ({"stdout": "x"},),
    )),
    Group("exec of no program", lambda at, command: at.fails(ExecCmd(command)), HARMLESS, "", (
        "/nosuch/program", "nosuch", "/etc/passwd", "../../bin/nosuch",
    )),
    Group("exec of echo", lambda at, word: at.echoes(word), HARMLESS, "", (
        "; id && $(id) `id` | id", EVIL_LINE, "n\u0153ud", "\u202e", "--", LONG,
    )),
)

_CAT = ExecCmd("cat")
_NO_FLAGS = (None, 1, "yes")
_NO_SIZES = ((80, 24), "80x24", 80, {"width": 80, "height": 24}, TerminalSize)
OF_SESSIONS: Sequence[Group] = (
    Group("open_exec tty", lambda at, tty: at.exec_session(_CAT, tty=tty), BEFORE, "tty", _NO_FLAGS),
    Group("open_exec stdin", lambda at, stdin: at.exec_session(_CAT, stdin=stdin), BEFORE, "stdin", _NO_FLAGS),
    Group("open_exec size", lambda at, size: at.exec_session(_CAT, tty=True, size=size), BEFORE, "size", _NO_SIZES),
    Group("open_exec size", lambda at, size: at.exec_session(_CAT, size=size), BEFORE, "size", (TerminalSize(8, 9),)),
    Group("open_exec user", lambda at, user: at.exec_session(_CAT, user=user), BEFORE, "user", (
        None, 5, b"x", "\ud800", "a\0b",
    )),
    Group("open_exec env", lambda at, env: at.exec_session(_CAT, env=env), BEFORE, "env", (
        "A=b", 5, ["A=b"], {"": "x"}, {"A=": "x"}, {"A": None}, {5: "x"}, {"A": "\0"},
    )),
    Group("open_exec workdir", lambda at, workdir: at.exec_session(_CAT, workdir=workdir), BEFORE, "workdir", (
        None, 5, b"/", "\ud800", "/\0",
    )),
    Group("attach stdin", lambda at, stdin: at.attach(stdin=stdin), BEFORE, "stdin", _NO_FLAGS),
    Group("attach size", lambda at, size: at.attach(size=size), BEFORE, "size", _NO_SIZES),
    Group("open_exec send", lambda at, data: at.send(data), BEFORE, "data", (None, "text", 5, ["x"])),
    Group("TerminalSize of", lambda at, size: at.make(TerminalSize, *size), BEFORE, "", (
        (0, 24), (80, 0), (-1, 24), (65536, 24), (80, HUGE),
    )),
)

OF_FILES: Sequence[Group] = (
    Group("write_to_stdin_no_wait data", lambda at, data: at.runtime.write_to_stdin_no_wait(at.target, data),
          BEFORE, "data", (None, "text", 5, ["x"])),
    Group("copy_to_container to", lambda at, path: at.runtime.copy_to_container(at.target, path, __file__),
          EITHER, "destination", ("", " ", "relative", "../x", "/", "/nosuch/x", None, 5, b"/x", "/x\0", "\ud800")),
    Group("copy_to_container from", lambda at, path: at.runtime.copy_to_container(at.target, "/tmp/x", path),
          BEFORE, "source", ("", "/nosuch/file", "/etc", "/dev/zero", None, 5, b"/etc/os", "/etc/hosts\0", "\ud800")),
)

_NO_MOMENTS = (5, 1.5, "2026-01-01", NAIVE, LONG_AGO, "\ud800")
OF_STREAMS: Sequence[Group] = (
    Group("stream_logs tail", lambda at, tail: at.log(tail=tail), BEFORE, "tail", (
        -1, "5", True, 1.5, HUGE, [], b"1", "all",
    )),
    Group("stream_logs since", lambda at, since: at.log(since=since), BEFORE, "since", _NO_MOMENTS),
    Group("stream_logs until", lambda at, until: at.log(until=until), BEFORE, "until", _NO_MOMENTS),
    Group("stream_logs until", lambda at, until: at.log(until=until, follow=False), HARMLESS, "", (FOREVER,)),
    Group("stream_logs follow", lambda at, follow: at.log(follow=follow), BEFORE, "follow", (None, 1, "yes")),
    Group("stream_logs timestamps", lambda at, flag: at.log(timestamps=flag), BEFORE, "timestamps", (None, 1, "yes")),
    Group("merge_logs containers", lambda at, names: at.merge(names), BEFORE, "container", (
        None, 5, b"x", "x1", [None], [5], [""], ["x1", "x1"], ["a/../b"], ["\ud800"],
    )),
    Group("wait_all containers", lambda at, names: at.runtime.wait_all(names, WaitFor.RUNNING), BEFORE, "container", (
        None, 5, b"x", "x1", [None], [5], [""], ["a/../b"], ["\ud800"],
    )),
    Group("wait_any containers", lambda at, names: at.runtime.wait_any(names, WaitFor.RUNNING), BEFORE, "container", (
        None, 5, b"x", "x1", [], [None], [5], [""],
    )),
    Group("wait_all condition", lambda at, word: at.runtime.wait_all([at.target], word), BEFORE, "condition", (
        None, 5, "sometimes", b"running", {}, [], WaitFor,
    )),
    Group("wait_all timeout", lambda at, seconds: at.waits(timeout=seconds), BEFORE, "timeout", (
        -1, "1", None, True, math.nan, [], b"1",
    )),
    Group("stream_stats interval", lambda at, seconds: at.measure(at.target, interval=seconds), BEFORE, "interval", (
        0, -1, "1", None, True, float("nan"), [], b"1",
    )),
    Group("stream_stats containers", lambda at, names: at.measure(names), BEFORE, "container", (
        None, 5, b"x", [], [None], [5], "", [""], {"x": "y"}, ["a/../b"], ["\ud800"],
    )),
    Group("stream_events", lambda at, options: at.listen(options), BEFORE, "options", (
        {}, {"containerlab": "x"}, "x", 5, [], b"x",
    )),
)

_ODD_TEXTS = ("a,b", '"]}', "a\r\nb", "^.*$", "a\\", "\u202e", LONG)
OF_LISTS: Sequence[Group] = (
    Group("list_containers", lambda at, filters: at.runtime.list_containers(filters), BEFORE, "filters", (
        None, "name=x1", b"x", 5, ONE, [None], ["name=x1"], [5], {"name": "x1"}, [[ONE]],
    )),
    Group("watch", lambda at, filters: at.watch(filters), BEFORE, "filters", (
        None, "name=x1", b"x", 5, ONE, [None], ["name=x1"], [5], {"name": "x1"}, [[ONE]],
    )),
    Group("watch name", lambda at, text: at.watches_none("name", match=text), HARMLESS, "", _ODD_TEXTS),
    Group("list_containers label", lambda at, text: at.finds_none("label", text, "=", text), HARMLESS, "", _ODD_TEXTS),
    Group("list_containers name", lambda at, text: at.finds_none("name", match=text), HARMLESS, "", _ODD_TEXTS),
    Group("GenericFilter", lambda at, words: at.make(GenericFilter, *words), BEFORE, "", (
        ("", "a", "=", "b"), ("id", "a", "=", "b"), ("label",), ("label", "", "=", "x"), ("label", "a"),
        ("label", "a", "~", "b"), ("label", "a", "exists", "b"), ("name",), ("name", "a", "=", "x"),
        ("name", "", "!=", "x"), ("name", "", "exists", "x"),
    )),
    Group("GenericFilter.from_label", lambda at, text: at.make(GenericFilter.from_label, text), BEFORE, "", (
        "", "=x", " ", "!=x", None, 5, b"a=b", "\ud800", "a\0=b",
    )),
)

_NO_RUNTIMES = ("", " ", "Docker", "nosuch", "docker\0", "../docker", "\ud800", None, 5, b"docker", ["docker"], LONG)
OF_SETTINGS: Sequence[Group] = (
    Group("RuntimeConfig timeout", lambda at, seconds: at.make(RuntimeConfig, timeout=seconds), BEFORE, "timeout", (
        math.nan, math.inf, -math.inf, -1, 1e300, HUGE,
    )),
    Group("open_runtime", lambda at, name: at.open(name), BEFORE, "runtime", _NO_RUNTIMES),
    Group("new_runtime", lambda at, name: at.make(new_runtime, name), BEFORE, "runtime", _NO_RUNTIMES),
    Group("register", lambda at, name: at.make(register, name, CONTAINER_RUNTIMES["docker"]), BEFORE, "name", (
        "", " ", None, 5, b"x", ["x"], "x\0", "\ud800",
    )),
    Group("register x", lambda at, maker: at.make(register, "x", maker), BEFORE, "initializer", (None, "docker", 5)),
    Group("open_runtime config", lambda at, config: at.open(config=config), BEFORE, "config", (
        "x", 5, {}, {"timeout": 5}, MgmtNet(), RuntimeConfig,
    )),
    Group("open_runtime mgmt", lambda at, mgmt: at.open(mgmt=mgmt), BEFORE, "mgmt", (
        "clab", 5, [], {}, RuntimeConfig(), MgmtNet,
    )),
    Group("open_runtime keep_mgmt_net", lambda at, keep: at.open(keep_mgmt_net=keep), BEFORE, "keep_mgmt_net", (
        None, 1, "no",
    )),
    Group("init", lambda at, option: at.runtime.init(option), BEFORE, "option", (
        None, "x", MgmtNet(), RuntimeConfig(),
    )),
)

OF_WAITS: Sequence[Group] = (
    Group("wait_for_container_running timeout", lambda at, seconds: at.wait(timeout=seconds), BEFORE, "timeout", (
        -1, math.nan, -math.inf, "5", None, True, [],
    )),
    Group("wait_for_container_running interval", lambda at, seconds: at.wait(interval=seconds), BEFORE, "interval", (
        0, -1, math.nan, "5", None, True,
    )),
    Group("wait_for_container_running", lambda at, runtime: wait_for_container_running(runtime, at.target, "r1"),
          BEFORE, "runtime", (None, "docker", 5)),
)
# fmt: on


def method_cases() -> Iterator[Case]:
    """Make the cases of all methods."""
    for name, (call, unknown) in OF_CONTAINERS.items():
        yield from Group(name, call, BEFORE, "container", NO_NAMES).cases()
        yield from Group(name, call, unknown, "", STRANGERS).cases()
    for groups in (
        OF_IMAGES,
        OF_NODES,
        OF_COMMANDS,
        OF_SESSIONS,
        OF_FILES,
        OF_STREAMS,
        OF_LISTS,
        OF_SETTINGS,
        OF_WAITS,
    ):
        for group in groups:
            yield from group.cases()
