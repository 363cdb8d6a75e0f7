"""Where engines really differ: what a test of the contract expects of which engine instead, and why.

A test asks by the name of what it is about, `difference(engine, "...")`, and gets the Difference that counts for the
engine, or None where it does as all do. The reason becomes a footnote in the README's table, once however often.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.engines import Engine
from tests.matrix import NOTE, note_of


@dataclass(frozen=True, slots=True)
class Difference:
    """What some engines do in a way of their own."""

    engines: str
    """A pattern of the engines' names, such as `docker-.*` or `podman-4.3(-rootless)?`."""
    reason: str
    """Why, in a sentence for the README."""
    value: object = None
    """What is to be expected there, if the test can't say so by itself."""
    rows: tuple[str, ...] | None = None
    """Of which rows of the README's table the reason says something to a user; None: of all that the test proves."""

    def notes(self) -> Mapping[str, str]:
        """Return the properties by which a test has the reason said."""
        names = [NOTE] if self.rows is None else [note_of(row) for row in self.rows]
        return dict.fromkeys(names, self.reason)


LIMITS = "a rootless Podman limits nothing where cgroups are those of version 1, as on the tests' machine"
PAUSE = "a rootless Podman pauses nothing where cgroups are those of version 1, as on the tests' machine"
_NO_HEALTH = {"Status": "", "FailingStreak": 0, "Log": None}
_PODMAN = "podman-.*"
_SHOWN_ONCE = "Podman shows a port that is published at all addresses once"
_SOME_SHOWN = "Podman does not show all of its security options, whose effect is seen inside"

DIFFERENCES: dict[str, tuple[Difference, ...]] = {
    "a log line's time": (Difference(r"podman-(4\.|5\.4).*", "Podman before 5.8 tells it in whole seconds"),),
    "a log that is not kept": (
        Difference("podman-.*", "Podman is not asked for a log that it does not keep: UnsupportedOperationError"),
    ),
    "all addresses as read back": (
        Difference("podman-4.*", _SHOWN_ONCE, {"": "18081"}),
        Difference(_PODMAN, _SHOWN_ONCE, {"0.0.0.0": "18081"}),
    ),
    "binds as read back": (
        Difference(_PODMAN, "Podman shows binds in an order of its own, with the options that it has added"),
    ),
    "bridge-comes-with-containers": (
        Difference(
            "podman-.*",
            "netavark makes a network's bridge when its first container starts, and removes it with the last: the host "
            "is set up by start_container",
        ),
    ),
    "capabilities as read back": (
        Difference(
            "podman-5.*",
            "Podman 5 is asked for the capabilities that Docker's containers have by default, and shows them",
            ["AUDIT_WRITE", "MKNOD", "NET_ADMIN", "NET_RAW"],
        ),
    ),
    "bridges on the host": (
        Difference(
            ".*-rootless",
            "a rootless Podman's networks are in a namespace of its user's: the host has no way to their gateways",
            rows=("portbindings",),
        ),
    ),
    "bytes by interface": (
        Difference(
            "podman-4.*", "Podman 4 tells the bytes of all interfaces together", rows=("get_stats", "stream_stats")
        ),
    ),
    "cgroup": (Difference(_PODMAN, "Podman calls a container's cgroup `libpod-<id>`", "libpod-"),),
    "cgroup namespace": (Difference(_PODMAN, "Podman shows the cgroup namespace by its own API alone"),),
    "copies into memory": (
        Difference(_PODMAN, "Podman copies into a running container's file systems in memory, but /proc and /sys"),
    ),
    "created-container-keeps-network": (
        Difference("podman-.*", "Podman keeps a network for a container that was created and has never run"),
    ),
    "default-bridge": (
        Difference("podman-.*", "the default network is called podman; `bridge` is taken for it", "podman0"),
    ),
    "device permissions": (
        Difference(".*-rootless", "a rootless Podman can't limit what a device is used for", "rwm", rows=("devices",)),
    ),
    "device permissions as read back": (Difference(_PODMAN, "Podman does not show a device's permissions", ""),),
    "devices as read back": (
        Difference(".*-rootless", "a rootless Podman mounts devices, and does not list them", [], rows=("devices",)),
    ),
    "directory of namespaces": (
        Difference(
            ".*-rootless",
            "a rootless Podman has its containers' namespaces in its user's runtime directory",
            rows=("get_cooc_bind_mounts",),
        ),
    ),
    "driver-option-unknown": (
        Difference("podman-.*", "Podman drops options of a network that it does not know, so they are refused"),
    ),
    "events of a container's end": (
        Difference(
            "podman-.*",
            "Podman tells of a container's preparation (`init`) and of the tidying behind it (`cleanup`), too",
            frozenset({"init", "cleanup"}),
        ),
    ),
    "events of an exec": (
        Difference("podman-.*", "Podman's events do not say which command an exec is, and none that it was created"),
    ),
    "events over a restart": (
        Difference("docker-.*", "dockerd forgets its events when it is restarted; a gap in the stream says so"),
    ),
    "existing-bridge-with-addresses": (
        Difference(
            r"podman-(4\..|5\.4).*",
            "Podman before 5.5 makes no network of a subnet that is on the host already, be it on the network's bridge",
        ),
    ),
    "external-access-false": (
        Difference("podman-.*", "netavark keeps nobody out of a network, so external-access false is refused"),
    ),
    "health of a container without a check": (
        Difference(r"podman-(4\.|5\.4).*", "older Podmans show an empty health where there is no check", _NO_HEALTH),
    ),
    "health output": (Difference("podman-4.*", "Podman 4 keeps a health check's lines without their ends", "so sick"),),
    "health output as read back": (
        Difference("podman-4.*", "Podman 4 keeps a health check's lines without their ends", "/bin/sh was here"),
    ),
    "health timers": (Difference(_PODMAN, "without systemd Podman checks health only when it is asked to"),),
    "hidden paths as read back": (
        Difference(
            _PODMAN, "Podman does not show which paths of /proc and /sys are hidden; it is seen inside", [None, None]
        ),
    ),
    "hostile create_net driver_opts": (
        Difference("podman-.*", "Podman would not read these options, so they are looked at before it", "before"),
    ),
    "hostile pause_container": (Difference(".*-rootless", PAUSE, "before"),),
    "hostile start_container cpuset": (Difference(".*-rootless", LIMITS, "before"),),
    "hostile start_container memory": (Difference(".*-rootless", LIMITS, "before"),),
    "image as read back": (Difference(_PODMAN, "Podman shows the image by its full name", "localhost/busybox:latest"),),
    "image storage": (Difference("podman-.*", "the storage driver is called overlay; no merged directory", "overlay"),),
    "input without a terminal": (
        Difference(
            _PODMAN, "on Podman the input of a container without a terminal, which no node is, ends after a write"
        ),
    ),
    "interface as read back": (Difference(_PODMAN, "Podman does not show an interface's name; it is seen inside"),),
    "interface-prefix": (
        Difference("podman-.*", "Podman names interfaces for each container, not for a network", "eth0"),
    ),
    "last words of what removes itself": (
        Difference("podman-.*", "Podman may remove a container with `auto-remove` before all of its log has been read"),
    ),
    "lack of memory": (
        Difference(
            "podman-4.*",
            "Podman 4 does not tell an end for lack of memory where cgroups are those of version 1",
            (False,),
        ),
    ),
    "limits": (Difference(".*-rootless", LIMITS, rows=()),),
    "name servers without a network": (
        Difference(_PODMAN, "Podman gives a container without a network no resolv.conf: `dns` is refused there"),
    ),
    "network mode as read back": (
        Difference(_PODMAN, "Podman shows the network apart from the mode, which is `bridge`", "bridge"),
    ),
    "networks of a shared namespace": (
        Difference(_PODMAN, "Podman shows the other container's networks where the namespace is shared"),
    ),
    "order over a restart policy": (
        Difference(
            _PODMAN,
            "Podman may pass over a line while its restart policy starts a container again: it comes at the run's end",
            rows=("stream_logs",),
        ),
    ),
    "output of what takes no more input": (
        Difference(
            _PODMAN,
            "Podman may end a session of a command that takes no more input before it has passed on the last output",
        ),
    ),
    "pausing": (Difference(".*-rootless", PAUSE, rows=()),),
    "ports for any address": (
        Difference("podman-.*", "Podman tells of a port on all addresses once, as one on 0.0.0.0"),
    ),
    "process ids in the list": (
        Difference(_PODMAN, "Podman's list has all that is asked for, so that nothing is looked at after it", rows=()),
    ),
    "published at ::1": (
        Difference(
            r"podman-[0-9.]+",
            "root's Podman publishes by rules of the kernel, which lead nowhere from ::1",
        ),
    ),
    "pull progress": (
        Difference(
            "podman-.*",
            "Podman tells the bytes of a layer only after its first second, and has no last word",
            "Pull complete",
        ),
    ),
    "pull retried": (
        Difference("podman-.*", "Podman tries a layer again without a word, or ends the pull with an error"),
    ),
    "security options as read back": (
        Difference("podman-4.*", _SOME_SHOWN, ["no-new-privileges"]),
        Difference(_PODMAN, _SOME_SHOWN, ["no-new-privileges", "unmask=all"]),
    ),
    "signal and restart policy": (
        Difference(
            "podman-4.*",
            "Podman 4 starts a container with a restart policy again after a signal; it is then stopped by force",
            (137, 1),
        ),
    ),
    "size of a terminal at once": (
        Difference(
            r"docker-20\..*|podman-.*",
            "Podman, and Docker below API 1.42, set the size of a command's terminal a moment after its beginning",
        ),
    ),
    "static addresses as read back": (
        Difference(_PODMAN, "Podman shows the addresses that a container has, not those that were asked for"),
    ),
    "sysctls as read back": (Difference(_PODMAN, "Podman does not show sysctls; they are seen inside"),),
    "tail of a long line": (
        Difference("docker-.*", "Docker takes each 16 KiB of a long line for a line when it is to send the last ones"),
        Difference("podman-5.*", "Podman 5 may leave out the beginning of a long line, if that is the first"),
    ),
    "tmpfs as read back": (Difference(_PODMAN, "Podman shows a tmpfs with the options that are added"),),
    "tmpfs options": (
        Difference(_PODMAN, "of a tmpfs's options Podman knows size, mode, propagation, ro, exec, suid and dev"),
    ),
    "usual-bridge": (Difference("podman-.*", "Podman calls bridges podman1, podman2, ...", r"podman[0-9]+"),),
}
"""By the name of what a test is about, in the order of the alphabet."""


Differs = Callable[[str], Difference | None]
"""Tell how this test's engine differs in something, and have it said below the README's table."""


def difference(engine: Engine, name: str) -> Difference | None:
    """Find how an engine differs in something that is in the table."""
    return next((found for found in DIFFERENCES[name] if re.fullmatch(found.engines, engine.name)), None)


def usually(differs: Differs, name: str, value: Any) -> Any:  # noqa: ANN401 - anything that a test compares
    """Return what is to be expected: the value, but on engines that differ in it theirs."""
    found = differs(name)
    return value if found is None else found.value


@pytest.fixture
def differs(engine: Engine, record_property: Callable[[str, Any], None]) -> Differs:
    """Ask for differences of the test's engine."""

    def ask(name: str) -> Difference | None:
        found = difference(engine, name)
        if found is not None:
            for place, reason in found.notes().items():
                record_property(place, reason)
        return found

    return ask
