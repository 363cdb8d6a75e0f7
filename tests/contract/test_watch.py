"""Watching containers on real engines: who applies the changes has what a list has."""

import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial

import anyio
import anyio.lowlevel
import pytest

from clab_runtime import (
    ChangeKind,
    ConflictError,
    ContainerChange,
    ContainerRuntime,
    EngineInternalError,
    ExecCmd,
    GenericFilter,
    NotFoundError,
    Stream,
)
from clab_runtime.engine.tasks import run_all
from tests.conftest import NoLeaks
from tests.contract.interposer import interposed
from tests.contract.lab import FOREVER, Lab, cancelled, on_asyncio, open_lab, within
from tests.contract.view import QUIET, View, mine
from tests.engines import Engine

pytestmark = pytest.mark.anyio

CHURN = 30
"""Containers that come and go by chance."""
STEPS = {"docker": 24, "podman": 16}
"""How much happens to them, by the kind of engine: Podman starts a program for every step."""
HANDS = 5
"""Tasks that have them do so."""


@asynccontextmanager
async def watching(lab: Lab, *filters: GenericFilter, runtime: ContainerRuntime | None = None) -> AsyncGenerator[View]:
    """Watch the lab, having seen what is there."""
    view = View(runtime or lab.runtime, [mine(lab), *filters])
    async with view.changes:
        await view.until_synced()
        yield view


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("watch")
async def test_a_containers_life_is_told_as_changes(lab: Lab) -> None:
    runtime = lab.runtime
    await runtime.create_container(lab.node("there"))
    view = View(runtime, [mine(lab)])
    async with view.changes:
        assert await view.tell() == ("added", "there", "created")
        assert await view.tell() == ("synced", "", "")
        name = await lab.polite()
        running = await view.until_state("running")
        assert running.pid == (await lab.client.containers.inspect(name)).state.pid > 0
        await runtime.pause_container(name)
        assert (await view.until_state("paused")).pid == running.pid
        await runtime.unpause_container(name)
        await view.until_state("running")
        await lab.client.call("POST", f"/containers/{name}/rename", query={"name": f"{name}-renamed"})
        await view.until(lambda change: change.container is not None and change.container.names[0].endswith("-renamed"))
        await runtime.stop_container(f"{name}-renamed")
        exited = await view.until_state("exited")
        assert (exited.id, exited.pid, exited.status[:10]) == (running.id, 0, "Exited (3)")
        await runtime.delete_container(f"{name}-renamed")
        (*_, last) = await view.until(lambda change: change.kind is ChangeKind.REMOVED)
        assert last.container is not None
        assert (last.container.id, last.container.state) == (running.id, "exited")
        await view.until_quiet()
        assert {container.names[0].rpartition("-")[2] for container in view.containers.values()} == {"there"}


@pytest.mark.proves("watch")
async def test_health_and_addresses_are_changes(lab: Lab) -> None:
    await lab.runtime.create_net()
    async with watching(lab) as view:
        node = lab.checked(lab.node(network_mode=""), "true")
        started = await lab.start(node)
        assert (await view.until_state("running")).network_settings.ipv4_addr.startswith("172.31.")
        await within(started.wait_healthy)
        await view.until(lambda change: change.container is not None and "(healthy)" in change.container.status)
        await view.until_quiet()
        await lab.client.containers.kill(node.long_name)
        assert (await view.until_state("exited")).pid == 0
        await view.until_quiet()
        await lab.runtime.delete_container(node.long_name)
        await view.until(lambda change: change.kind is ChangeKind.REMOVED)
    await lab.runtime.delete_net()


@pytest.mark.proves("watch")
async def test_each_watch_has_what_its_filters_let_pass(lab: Lab) -> None:
    """By labels, which stay as they are, and by a name, which a container may get and lose."""
    filters = {
        "one": [GenericFilter("label", "x", "=", "1")],
        "other": [GenericFilter("label", "x", "!=", "1")],
        "any": [GenericFilter("label", "x", "exists")],
        "r1": [GenericFilter("name", match=f"clab-{lab.name}-r1")],
        "none": [GenericFilter("name", match=f"clab-{lab.name}-r")],
    }
    views = {name: View(lab.runtime, [mine(lab), *those]) for name, those in filters.items()}

    async def settle(**wanted: str) -> None:
        await run_all(view.until_quiet for view in views.values())
        for name, view in views.items():
            found = {container.names[0].rpartition("-")[2] for container in view.containers.values()}
            assert found == set(wanted.get(name, "").split()), name

    async with AsyncExitStack() as stack:
        for view in views.values():
            await stack.enter_async_context(view.changes)
        for name, more in {"r1": {"x": "1"}, "r2": {"x": "2"}, "r3": {}}.items():
            await lab.runtime.create_container(lab.node(name, more_labels=more))
        await settle(one="r1", other="r2 r3", any="r1 r2", r1="r1")
        await rename(lab, "r1", "r4")
        await rename(lab, "r3", "r1")
        await settle(one="r4", other="r1 r2", any="r4 r2", r1="r1")
        kinds = [change.kind for change in views["r1"].applied if change.container]
        assert kinds == [ChangeKind.ADDED, ChangeKind.REMOVED, ChangeKind.ADDED]
        await lab.runtime.delete_container(lab.node("r1").long_name)
        await settle(one="r4", other="r2", any="r4 r2")


async def rename(lab: Lab, old: str, new: str) -> None:
    path = f"/containers/{lab.node(old).long_name}/rename"
    await lab.client.call("POST", path, query={"name": lab.node(new).long_name})


@pytest.mark.proves("watch")
async def test_what_leaves_no_trace_is_not_asked_about(lab: Lab) -> None:
    name = await lab.up()
    async with interposed(lab) as (runtime, between), watching(lab, runtime=runtime) as view:
        between.before("GET .*/json", anyio.lowlevel.checkpoint)
        await lab.runtime.exec(name, ExecCmd("true"))
        await lab.client.containers.kill(name, "URG")
        with anyio.move_on_after(QUIET):
            pytest.fail(f"told: {await view.next()}")
        assert not between.done, "it has been asked for"
        await lab.runtime.delete_container(name)
        await view.until(lambda change: change.kind is ChangeKind.REMOVED)
        assert between.done


async def test_a_watch_that_waits_ends_when_it_is_closed(engine: Engine, no_leaks: NoLeaks) -> None:
    async with no_leaks(), open_lab(engine) as lab:
        ended: list[str] = []
        begun = anyio.Event()

        async def read(changes: Stream[ContainerChange]) -> None:
            async for change in changes:
                ended.append(change.kind)
                begun.set()
            ended.append("end")

        async with anyio.create_task_group() as tasks, lab.runtime.watch([mine(lab)]) as changes:
            tasks.start_soon(read, changes)
            await within(begun.wait)
        assert ended == ["synced", "end"]
        assert "0 busy" in repr(lab.runtime)


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_wait_that_is_cancelled_at_any_moment_loses_nothing(
    engine: Engine, no_leaks: NoLeaks, *, natively: bool
) -> None:
    moments = random.Random(7)
    async with no_leaks(), open_lab(engine) as lab:
        names = [f"r{number}" for number in range(8)]
        view = View(lab.runtime, [mine(lab)])
        async with view.changes:
            async with anyio.create_task_group() as tasks:
                for name in names:
                    tasks.start_soon(lab.runtime.create_container, lab.node(name))
                for _ in range(60):
                    seconds = moments.choice([0, 0.002, 0.005, 0.02])
                    await cancelled(view.next, partial(anyio.sleep, seconds), natively=natively)
            await view.until_quiet()
            assert len(view.containers) == len(names)
        assert "0 busy" in repr(lab.runtime)


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("watch")
async def test_after_any_churn_the_view_is_what_a_list_has(engine: Engine, no_leaks: NoLeaks) -> None:
    dice = random.Random(on_asyncio())
    async with no_leaks(), open_lab(engine) as lab:
        nodes = [lab.node(f"r{number}", "sleep 0.05" if number % 5 == 0 else FOREVER) for number in range(CHURN)]

        done = 0

        async def step() -> None:
            """Have a container, or do something to the one there is; another hand may have been there first."""
            nonlocal done
            node, other = dice.sample(nodes, 2)
            name = node.long_name
            doings: list[Callable[[], Awaitable[object]]] = [
                lambda: lab.client.containers.start(name),
                lambda: lab.client.containers.kill(name),
                lambda: lab.runtime.pause_container(name),
                lambda: lab.runtime.unpause_container(name),
                lambda: lab.runtime.delete_container(name),
                lambda: rename(lab, node.short_name, other.short_name),
            ]
            make: list[Callable[[], Awaitable[object]]] = [
                lambda: lab.start(node),
                lambda: lab.runtime.create_container(node),
            ]
            for do in (dice.choice(make), dice.choice(doings)):
                with suppress(NotFoundError, ConflictError, EngineInternalError):  # that last is Podman's word for it
                    await do()
                    done += 1

        async def hand() -> None:
            for _ in range(STEPS[engine.kind] // HANDS):
                await step()

        views = [View(lab.runtime, [mine(lab)]), View(lab.runtime, [GenericFilter("name", match=nodes[0].long_name)])]
        await run_all(partial(lab.runtime.create_container, node) for node in nodes[: CHURN // 3])
        async with views[0].changes, views[1].changes:
            async with anyio.create_task_group() as watchers:
                for view in views:
                    watchers.start_soon(view.follow)
                await run_all([hand] * HANDS)
                watchers.cancel_scope.cancel()
            await run_all(view.until_quiet for view in views)
        assert len(views[0].containers) == len(await lab.names())
        assert done > STEPS[engine.kind] // 2
        assert "0 busy" in repr(lab.runtime)
