"""Events on real engines: which come, in which order, and that none is missed."""

from typing import cast

import anyio
import pytest

from clab_runtime import ContainerEvent, EventAction, EventStreamOptions, EventType, ExecCmd, Stream
from tests.conftest import NoLeaks
from tests.contract.differences import Differs
from tests.contract.lab import Lab, open_lab, over_tcp, runtime_for, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio

ROUNDS = {"docker": 50, "podman": 10}
"""How often, by the kind of engine: Podman starts a program for every step."""


async def until_gone(events: Stream[ContainerEvent], name: str) -> list[ContainerEvent]:
    """Read until a container has been destroyed."""
    seen: list[ContainerEvent] = []
    while not seen or (seen[-1].action, seen[-1].actor_name) != (EventAction.DESTROY, name):
        seen.append(await within(events.__anext__))
    return seen


def of_lab(lab: Lab) -> EventStreamOptions:
    return EventStreamOptions(labels={"containerlab": lab.name})


@pytest.mark.proves("stream_events")
async def test_a_containers_life_is_told_in_order(lab: Lab, differs: Differs) -> None:
    runtime = lab.runtime
    async with runtime.stream_events(of_lab(lab)) as events:
        name = await lab.up("r1", "sh -c 'exit 7'")
        await lab.client.containers.wait(name)
        container = (await lab.client.containers.inspect(name)).id
        await runtime.delete_container(name)
        told = await until_gone(events, name)
    more = differs("events of a container's end")
    seen = [event for event in told if not (more and event.action in cast("frozenset[str]", more.value))]
    assert [event.action for event in seen] == [
        EventAction.CREATE,
        EventAction.START,
        EventAction.DIE,
        EventAction.DESTROY,
    ]
    for event in told:
        assert event.type is EventType.CONTAINER
        assert (event.actor_name, event.actor_full_id, event.actor_id) == (name, container, container[:12])
        assert event.attributes["containerlab"] == lab.name
        assert event.timestamp.timestamp() == pytest.approx(event.time_nano / 1e9, abs=1e-5)
    assert seen[2].attributes["exitCode"] == "7"
    assert [event.time_nano for event in told] == sorted(event.time_nano for event in told)


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("stream_events")
async def test_every_action_comes_once_and_one_without_a_name_of_ours_is_kept(lab: Lab, differs: Differs) -> None:
    runtime = lab.runtime
    async with runtime.stream_events(of_lab(lab)) as events:
        name = await lab.up()
        await runtime.pause_container(name)
        await runtime.unpause_container(name)
        for _ in range(2):
            await runtime.exec(name, ExecCmd("echo hello"))
        await lab.client.containers.kill(name, "USR1")
        await runtime.delete_container(name)
        seen = await until_gone(events, name)
    actions = [event.action for event in seen]
    for action in (EventAction.PAUSE, EventAction.UNPAUSE, EventAction.EXEC_DIE, EventAction.KILL, EventAction.DIE):
        assert action in actions
    assert actions.count(EventAction.EXEC_DIE) == 2
    nameless = differs("events of an exec") is not None
    for started in ("exec_start",) if nameless else ("exec_create: echo hello", "exec_start: echo hello"):
        assert actions.count(started) == 2
    assert not any(isinstance(action, EventAction) for action in actions if action.startswith("exec_start"))


@pytest.mark.proves("stream_events")
async def test_only_those_whose_labels_fit_are_told_and_an_empty_value_means_any(lab: Lab) -> None:
    nodes = {
        name: lab.node(name, more_labels=more) for name, more in {"a": {"x": "1"}, "b": {"x": "2"}, "c": {}}.items()
    }
    wanted = {"a": {"x": "1"}, "ab": {"x": ""}, "abc": {}}
    streams = {
        names: lab.runtime.stream_events(EventStreamOptions(labels={"containerlab": lab.name, **more}))
        for names, more in wanted.items()
    }
    async with streams["a"], streams["ab"], streams["abc"]:
        for node in nodes.values():
            await lab.runtime.create_container(node)
        for names, stream in streams.items():
            created = [await within(stream.__anext__) for _ in names]
            assert [event.actor_name[-1] for event in created] == list(names)
        await lab.runtime.delete_container(nodes["a"].long_name)
        for stream in streams.values():
            assert (await within(stream.__anext__)).action is EventAction.DESTROY


async def test_without_a_filter_every_container_is_told_and_nothing_else(lab: Lab) -> None:
    async with lab.runtime.stream_events() as events:
        await lab.runtime.create_net()
        node = lab.node(network_mode="")
        await lab.start(node)
        await lab.runtime.delete_container(node.long_name)
        seen = [event for event in await until_gone(events, node.long_name) if event.actor_name == node.long_name]
    assert {event.type for event in seen} == {EventType.CONTAINER}
    assert seen[0].action is EventAction.CREATE


@pytest.mark.proves("stream_events")
async def test_nothing_is_missed_after_entering(engine: Engine, no_leaks: NoLeaks) -> None:
    """dockerd answers before it listens, so that this takes more than an answer."""
    async with no_leaks(), open_lab(engine) as lab:
        for number in range(ROUNDS[engine.kind]):
            node = lab.node(f"r{number}")
            async with lab.runtime.stream_events(of_lab(lab)) as events:
                await lab.runtime.create_container(node)
                event = await within(events.__anext__, 5)
                assert (event.action, event.actor_name) == (EventAction.CREATE, node.long_name)
                await lab.runtime.delete_container(node.long_name)
                assert (await within(events.__anext__, 5)).action is EventAction.DESTROY


async def test_nothing_is_missed_over_tcp_where_the_engines_clock_counts(lab: Lab) -> None:
    async with over_tcp(lab.engine) as address:
        runtime = runtime_for(lab.engine, address)
        await runtime.init()
        try:
            for number in range(5):
                async with runtime.stream_events(of_lab(lab)) as events:
                    await lab.runtime.create_container(lab.node(f"r{number}"))
                    assert (await within(events.__anext__, 5)).action is EventAction.CREATE
        finally:
            await runtime.aclose()


async def test_a_quiet_stream_waits_and_is_closed_at_once(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        async with lab.runtime.stream_events(of_lab(lab)) as events:
            with anyio.move_on_after(0.2) as scope:
                await events.__anext__()
            assert scope.cancelled_caught
        with pytest.raises(StopAsyncIteration):
            await events.__anext__()


async def test_a_slow_reader_gets_all_of_a_busy_lab_in_order(lab: Lab) -> None:
    count = 30
    async with lab.runtime.stream_events(of_lab(lab)) as events:
        for number in range(count):
            name = f"r{number}"
            await lab.runtime.create_container(lab.node(name))
            await lab.runtime.delete_container(lab.node(name).long_name)
        seen = [await within(events.__anext__) for _ in range(2 * count)]
    assert [event.action for event in seen] == [EventAction.CREATE, EventAction.DESTROY] * count
