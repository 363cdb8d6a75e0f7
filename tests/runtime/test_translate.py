"""States, events, containers and images of real engines, as models."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import msgspec
import pytest

from clab_runtime.engine import schema
from clab_runtime.models import (
    ContainerEvent,
    ContainerMount,
    ContainerStatus,
    EventAction,
    EventType,
    GenericContainer,
    GenericMgmtIPs,
    GenericPortBinding,
)
from clab_runtime.runtime.podman_events import in_dockers_words
from clab_runtime.runtime.translate import (
    container_from_summary,
    event_from_wire,
    image_from_reply,
    status_from_state,
)

DATA = Path(__file__).parent / "data"
EVENTS = msgspec.json.decode((DATA / "events.json").read_bytes(), type=dict[str, list[schema.Event]])
CONTAINERS = msgspec.json.decode((DATA / "containers.json").read_bytes(), type=dict[str, schema.ContainerSummary])
IMAGES = msgspec.json.decode((DATA / "images.json").read_bytes(), type=dict[str, schema.ImageInspectReply])


def _as_it_is(event: schema.Event) -> schema.Event:
    return event


def recorded(source: str) -> Mapping[str, ContainerEvent]:
    """Give an engine's container events by what happened."""
    worded = in_dockers_words if source.startswith("podman") else _as_it_is
    events = [event_from_wire(worded(event)) for event in EVENTS[source]]
    return {event.action: event for event in events if event.type == EventType.CONTAINER}


def summary(**changes: object) -> schema.ContainerSummary:
    return msgspec.structs.replace(CONTAINERS["docker-28.5"], **changes)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("created", ContainerStatus.CREATED),
        ("running", ContainerStatus.RUNNING),
        ("paused", ContainerStatus.PAUSED),
        ("restarting", ContainerStatus.RESTARTING),
        ("removing", ContainerStatus.REMOVING),
        ("exited", ContainerStatus.STOPPED),
        ("dead", ContainerStatus.STOPPED),
        ("stopped", ContainerStatus.STOPPED),
        ("stopping", ContainerStatus.RUNNING),
        ("configured", ContainerStatus.CREATED),
        ("initialized", ContainerStatus.CREATED),
        ("Running", ContainerStatus.RUNNING),
    ],
)
def test_a_state_has_a_status(state: str, status: ContainerStatus) -> None:
    assert status_from_state(state) is status


def test_an_unknown_state_is_a_container_that_does_not_run() -> None:
    assert status_from_state("hibernating") is ContainerStatus.STOPPED


@pytest.mark.parametrize("source", EVENTS)
def test_every_engine_tells_of_a_containers_end_in_the_same_words(source: str) -> None:
    events = recorded(source)
    assert {"start", "die", "destroy", "kill", "pause", "exec_die"} <= set(events)
    assert events["die"].attributes["exitCode"] == "137"
    assert events["exec_die"].attributes["exitCode"] == "4"
    assert "containerExitCode" not in events["die"].attributes
    assert isinstance(events["destroy"].action, EventAction)


@pytest.mark.parametrize("source", EVENTS)
def test_an_event_names_its_container_and_its_time(source: str) -> None:
    event = recorded(source)["start"]
    assert (event.actor_name, event.attributes["evl"]) == ("ev1", "1")
    assert event.actor_id == event.actor_full_id[:12]
    assert len(event.actor_full_id) == 64
    assert event.timestamp.tzinfo is UTC
    assert event.timestamp.timestamp() == pytest.approx(event.time_nano / 1e9, abs=1e-5)


@pytest.mark.parametrize("source", ["podman-4.3", "podman-5.8"])
def test_podmans_words_come_as_dockers(source: str) -> None:
    assert not {"died", "remove", "exec", "exec_died"} & set(recorded(source))
    assert "exec_start" in recorded(source)


def test_podmans_health_is_in_the_action() -> None:
    assert recorded("podman-5.8")["health_status: healthy"].action is EventAction.HEALTHY


@pytest.mark.parametrize("source", EVENTS)
def test_what_happens_to_networks_keeps_its_words(source: str) -> None:
    wire = [event for event in EVENTS[source] if event.type == "network"]
    assert [event_from_wire(in_dockers_words(event)).action for event in wire] == [event.action for event in wire]
    assert {event_from_wire(event).type for event in wire} == {"network"}


def test_an_unknown_action_stays_as_it_is() -> None:
    event = event_from_wire(schema.Event(type="container", action="teleport", time=1795446498))
    assert event == ContainerEvent(timestamp=datetime(2026, 11, 23, 15, 8, 18, tzinfo=UTC), action="teleport")


def test_a_container_that_docker_lists_is_described() -> None:
    container = container_from_summary(CONTAINERS["docker-28.5"], pid=42, mgmt_network="clab")
    assert container == GenericContainer(
        names=["lc1"],
        id="cd0839e21a4fdd06dc6b9166d5028b16b9b2c9f45ffec5ae3398da5cea245e08",
        short_id="cd0839e21a4f",
        image="busybox:latest",
        state="running",
        status="Up Less than a second",
        pid=42,
        network_name="bridge",
        network_settings=GenericMgmtIPs(ipv4_addr="172.17.0.2", ipv4_prefix_length=16, ipv4_gw="172.17.0.1"),
    )
    assert container.ipv4 == "172.17.0.2/16"


def test_a_container_that_podman_lists_is_described() -> None:
    container = container_from_summary(CONTAINERS["podman-5.8"], pid=0, mgmt_network="clab")
    assert (container.names, container.network_name, container.ipv4) == (("lc1",), "podman", "10.88.0.77/16")


def test_addresses_are_those_on_the_management_network() -> None:
    mgmt = schema.EndpointSettings(
        ip_address="172.20.20.2",
        ip_prefix_len=24,
        gateway="172.20.20.1",
        global_ipv6_address="fd00::2",
        global_ipv6_prefix_len=64,
        ipv6_gateway="fd00::1",
    )
    networks = schema.SummaryNetworkSettings(networks={"aaa": schema.EndpointSettings(), "clab": mgmt})
    container = container_from_summary(summary(network_settings=networks), pid=1, mgmt_network="clab")
    assert container.network_name == "clab"
    assert container.network_settings == GenericMgmtIPs(
        ipv4_addr="172.20.20.2",
        ipv4_prefix_length=24,
        ipv4_gw="172.20.20.1",
        ipv6_addr="fd00::2",
        ipv6_prefix_length=64,
        ipv6_gw="fd00::1",
    )


@pytest.mark.parametrize(
    "settings", [None, schema.SummaryNetworkSettings(), schema.SummaryNetworkSettings(networks={})]
)
def test_a_container_without_networks_has_no_address(settings: schema.SummaryNetworkSettings | None) -> None:
    container = container_from_summary(summary(network_settings=settings), pid=0, mgmt_network="clab")
    assert (container.network_name, container.ipv4, container.ipv6) == ("", "N/A", "N/A")


def test_all_mounts_are_told() -> None:
    mounts = [
        schema.Mount(type="bind", source="/a", destination="/b"),
        schema.Mount(type="volume", name="data", source="/var/lib/docker/volumes/data/_data", destination="/c"),
        schema.Mount(type="volume", name="more", destination="/d"),
    ]
    container = container_from_summary(summary(mounts=mounts), pid=0, mgmt_network="clab")
    assert container.mounts == (
        ContainerMount("/a", "/b"),
        ContainerMount("/var/lib/docker/volumes/data/_data", "/c"),
        ContainerMount("more", "/d"),
    )


def test_published_ports_are_told_once_per_address_and_exposed_ones_are_not() -> None:
    ports = [
        schema.Port(ip="0.0.0.0", private_port=80, public_port=8080, type="tcp"),
        schema.Port(ip="::", private_port=80, public_port=8080, type="tcp"),
        schema.Port(ip="0.0.0.0", private_port=80, public_port=8080, type="tcp"),
        schema.Port(ip="0.0.0.0", private_port=80, public_port=8080, type="udp"),
        schema.Port(private_port=443, type="tcp"),
    ]
    container = container_from_summary(summary(ports=ports), pid=0, mgmt_network="clab")
    assert container.ports == (
        GenericPortBinding(host_ip="0.0.0.0", host_port=8080, container_port=80, protocol="tcp"),
        GenericPortBinding(host_ip="::", host_port=8080, container_port=80, protocol="tcp"),
        GenericPortBinding(host_ip="0.0.0.0", host_port=8080, container_port=80, protocol="udp"),
    )


def test_nulls_of_a_list_are_empty() -> None:
    bare = msgspec.json.decode(b'{"Id":"ab","Names":null,"Labels":null,"Ports":null}', type=schema.ContainerSummary)
    assert container_from_summary(bare, pid=0, mgmt_network="clab") == GenericContainer(id="ab", short_id="ab")


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_of_any_engine_is_described(name: str) -> None:
    raw = cast("Mapping[str, str]", json.loads((DATA / "images.json").read_text())[name])
    image = image_from_reply(IMAGES[name])
    assert image.id == raw["Id"]
    assert (image.root_fs.type, len(image.root_fs.layers)) == ("layers", 1)


def test_an_images_overlay_directories_are_told() -> None:
    driver = image_from_reply(IMAGES["docker-28.5 image-inspect"]).graph_driver
    assert driver.name == "overlay2"
    assert driver.data.upper_dir.endswith("/diff")
    assert driver.data.work_dir.endswith("/work")
    assert driver.data.merged_dir.endswith("/merged")
    assert not image_from_reply(IMAGES["podman-5.8 image-inspect"]).graph_driver.data.merged_dir


def test_an_image_of_the_containerd_store_has_no_directories() -> None:
    assert not image_from_reply(IMAGES["docker-29.7dev image-inspect-newest-api"]).graph_driver.data.upper_dir


def test_an_images_labels_are_told() -> None:
    reply = schema.ImageInspectReply(id="sha256:ab", config=schema.ImageConfigReply(labels={"a": "b"}))
    assert image_from_reply(reply).config.labels == {"a": "b"}
