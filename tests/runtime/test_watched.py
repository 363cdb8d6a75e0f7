"""What a look at containers changes, and which events are worth one."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from clab_runtime import (
    ChangeKind,
    ContainerChange,
    ContainerEvent,
    ContainerMount,
    EventAction,
    GenericContainer,
    GenericMgmtIPs,
    GenericPortBinding,
)
from clab_runtime.runtime.watched import Watched, container_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MOUNTS = [ContainerMount("/a", "/b"), ContainerMount("/c", "/d")]
PORTS = [GenericPortBinding(host_ip="::", host_port=port, container_port=port, protocol="tcp") for port in (1, 2)]
FULL = GenericContainer(
    names=["r1", "r2"], id="a", state="running", status="Up 3 seconds (healthy)", mounts=MOUNTS, ports=PORTS, pid=7
)
DIFFERENT: Mapping[str, object] = {
    "names": ["r3"],
    "short_id": "b",
    "image": "other",
    "state": "paused",
    "status": "Up 3 seconds (unhealthy)",
    "labels": {"x": "1"},
    "pid": 8,
    "network_name": "clab",
    "network_settings": GenericMgmtIPs(ipv4_addr="172.20.20.2"),
    "mounts": MOUNTS[:1],
    "ports": PORTS[:1],
}


def event(action: str, container: str = "a", **more: object) -> ContainerEvent:
    return structs.replace(
        ContainerEvent(timestamp=NOW, action=EventAction.of(action), actor_full_id=container), **more
    )


def told(watched: Watched, *seen: GenericContainer) -> list[tuple[ChangeKind, str]]:
    """Have all containers seen, and return what that changes."""
    return [(change.kind, change.container.id if change.container else "") for change in watched.take(seen)]


def knowing(container: GenericContainer) -> Watched:
    watched = Watched()
    watched.take([container])
    return watched


@pytest.mark.parametrize("name", [field.name for field in structs.fields(GenericContainer) if field.name != "id"])
def test_whatever_is_different_is_a_change(name: str) -> None:
    other = structs.replace(FULL, **{name: DIFFERENT[name]})
    assert told(knowing(FULL), other) == [(ChangeKind.CHANGED, "a")]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Up 3 seconds (healthy)", "Up About a minute (healthy)"),
        ("Exited (3) 2 seconds ago", "Exited (3) 5 weeks ago"),
        ("Exited (3)", "Exited (3) Less than a second ago"),
        ("Created", "Created"),
    ],
)
def test_to_grow_older_is_no_change(before: str, after: str) -> None:
    old, new = structs.replace(FULL, status=before), structs.replace(FULL, status=after)
    watched = knowing(old)
    assert told(watched, new) == []
    assert [change.container for change in watched.take([])] == [new], "it is told as it was last"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Up 3 seconds (health: starting)", "Up 3 seconds (healthy)"),
        ("Up 3 seconds (healthy)", "Up 3 seconds (unhealthy)"),
        ("Up 3 seconds", "Up 3 seconds (healthy)"),
        ("Exited (3) 2 seconds ago", "Exited (0) 2 seconds ago"),
    ],
)
def test_health_and_exit_code_are_changes(before: str, after: str) -> None:
    watched = knowing(structs.replace(FULL, status=before))
    assert told(watched, structs.replace(FULL, status=after)) == [(ChangeKind.CHANGED, "a")]


def test_the_order_of_names_mounts_and_ports_is_no_change() -> None:
    other = structs.replace(FULL, names=["r2", "r1"], mounts=MOUNTS[::-1], ports=PORTS[::-1])
    assert told(knowing(FULL), other) == []


def test_what_is_gone_is_told_before_what_has_taken_its_name() -> None:
    successor = structs.replace(FULL, id="b")
    assert told(knowing(FULL), successor) == [(ChangeKind.REMOVED, "a"), (ChangeKind.ADDED, "b")]


def test_a_look_at_some_says_nothing_of_the_others() -> None:
    a, b, c = (structs.replace(FULL, id=container) for container in "abc")
    watched = Watched()
    watched.take([a, b])
    assert watched.take([c, structs.replace(a, pid=9)], {"b"}) == [
        ContainerChange(kind=ChangeKind.REMOVED, container=b)
    ]
    assert len(watched) == 1


# ---------------------------------------------------------------- any history

IDS = "abcdef"
CONTAINERS = st.builds(
    GenericContainer,
    state=st.sampled_from(["running", "exited"]),
    status=st.sampled_from(["Up 1 second", "Up 2 seconds", "Up 2 seconds (healthy)", "Exited (0)", "Exited (1)"]),
    pid=st.integers(0, 2),
)
WORLDS = st.dictionaries(st.sampled_from(IDS), CONTAINERS, max_size=len(IDS))
HISTORIES = st.lists(st.tuples(WORLDS, st.none() | st.sets(st.sampled_from(IDS))), max_size=12)


@given(HISTORIES)
def test_who_applies_the_changes_has_what_was_seen(history: list[tuple[dict[str, GenericContainer], set[str]]]) -> None:
    """Each step is how things are by now, and which containers are looked at."""
    watched, view, truth = Watched(), dict[str, GenericContainer](), dict[str, GenericContainer]()
    for world, ids in history:
        seen = {name: structs.replace(container, id=name) for name, container in world.items()}
        for name in IDS if ids is None else ids:
            truth.pop(name, None)
            truth.update({name: seen[name]} if name in seen else {})
        for change in watched.take(list(seen.values()), ids):
            container = change.container
            assert container is not None
            if change.kind is ChangeKind.REMOVED:
                del view[container.id]
            else:
                assert (change.kind is ChangeKind.CHANGED) is (container.id in view)
                assert view.get(container.id) != container
                view[container.id] = container
        assert without_ages(view) == without_ages(truth)
        assert len(watched) == len(truth)


def without_ages(containers: Mapping[str, GenericContainer]) -> dict[str, GenericContainer]:
    return {
        name: structs.replace(container, status=container.status.replace("2 seconds", "1 second"))
        for name, container in containers.items()
    }


# ---------------------------------------------------------------- events


@pytest.mark.parametrize(
    "action",
    [
        "exec_create: ls", "exec_start: /bin/sh -c check", "exec_die", "exec_detach", "attach", "detach", "top",
        "resize", "copy", "export", "commit", "kill", "oom", "update", "archive-path", "extract-to-dir", "mount",
        "unmount",
    ],
)  # fmt: skip
def test_what_leaves_no_trace_is_not_worth_a_look(action: str) -> None:
    assert not knowing(FULL).is_news(event(action))
    assert not Watched().is_news(event(action))


@pytest.mark.parametrize(
    "action",
    [
        "create", "init", "start", "restart", "pause", "unpause", "die", "stop", "cleanup", "destroy", "rename",
        "health_status: unhealthy", "health_status: starting", "a-word-of-a-newer-engine",
    ],
)  # fmt: skip
def test_all_else_is_worth_a_look(action: str) -> None:
    assert knowing(FULL).is_news(event(action))


def test_health_is_worth_a_look_when_it_is_news() -> None:
    watched = knowing(FULL)
    assert not watched.is_news(event("health_status: healthy"))
    watched.take([structs.replace(FULL, status="Up 3 seconds (unhealthy)")])
    assert not watched.is_news(event("health_status: unhealthy"))
    assert watched.is_news(event("health_status: healthy"))
    watched.take([structs.replace(FULL, status="Up 3 seconds")])
    assert watched.is_news(event("health_status: healthy"))


def test_the_end_of_what_is_not_known_is_not_worth_a_look() -> None:
    assert not Watched().is_news(event("destroy"))
    assert Watched().is_news(event("rename"))
    assert not Watched().is_news(event("start", "")), "nobody's event"


def test_a_networks_event_is_about_its_guest() -> None:
    of_docker = event("connect", "the network", type="network", attributes={"container": "a"})
    of_podman = event("connect", "a", type="network")
    assert container_of(of_docker) == container_of(of_podman) == container_of(event("start")) == "a"
    assert knowing(FULL).is_news(of_docker)
    labelled = event("start", attributes={"container": "a label"})
    assert container_of(labelled) == "a"
