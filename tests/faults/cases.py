"""One case, or a few, of every public call: how it is made, and what puts the ground in order before and after.

A call that goes on for ever is given an end, long enough for all of its await points.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import anyio

from clab_runtime import (
    ChangeKind,
    ConflictError,
    EndpointlessNode,
    EngineInternalError,
    ExecCmd,
    LogMatch,
    NotFoundError,
    PullPolicy,
    Stream,
    UnsupportedOperationError,
    WaitFor,
    WaitTimeoutError,
    open_runtime,
    wait_for_container_running,
    with_mgmt_net,
)
from tests.contract.differences import difference
from tests.contract.lab import runtime_for, until
from tests.faults.ground import LINES, LINKS, PROCESSES, Ground

Act = Callable[[Ground], Awaitable[object]]

A_WHILE = 0.3
"""Seconds after which what would go on for ever is left."""
LONG = ExecCmd("sleep 1013")


async def nothing(_: Ground) -> None:
    """Leave the ground as it is."""


@dataclass(frozen=True, slots=True)
class Case:
    """A call; `of` is the public name that it is about."""

    of: str
    call: Act
    before: Act = nothing
    after: Act = nothing
    touches: tuple[str, ...] = ()
    """What else is looked at than containers and networks."""

    @property
    def name(self) -> str:
        """The public name, and which case of it this is."""
        variant = self.call.__name__.strip("_")
        return self.of if self.of.endswith(variant) else f"{self.of} ({variant.replace('_', ' ')})"


CASES: list[Case] = []


def case(
    of: str, *, before: Act = nothing, after: Act = nothing, touches: tuple[str, ...] = ()
) -> Callable[[Act], Act]:
    """Make a function a case."""

    def add(call: Act) -> Act:
        CASES.append(Case(of, call, before, after, touches))
        return call

    return add


async def for_a_while(call: Callable[[], Awaitable[object]]) -> None:
    """Make a call that goes on for ever, and leave it."""
    with anyio.move_on_after(A_WHILE):
        await call()


# ---------------------------------------------------------------- settings


@case("ContainerRuntime.init")
async def init(ground: Ground) -> None:
    ground.fresh = runtime_for(ground.engine, ground.endpoint)
    await ground.fresh.init(with_mgmt_net(ground.runtime.mgmt))
    await ground.fresh.aclose()


async def _fresh(ground: Ground) -> None:
    ground.fresh = runtime_for(ground.engine, ground.endpoint)
    await ground.fresh.init()


@case("ContainerRuntime.aclose", before=_fresh)
async def aclose(ground: Ground) -> None:
    await ground.fresh.aclose()


@case("open_runtime")
async def opened(ground: Ground) -> None:
    async with open_runtime(ground.engine.kind) as runtime:  # where the environment says
        await runtime.check_connection()


@case("ContainerRuntime.check_connection")
async def check_connection(ground: Ground) -> None:
    await ground.runtime.check_connection()


# ---------------------------------------------------------------- network and images


async def _without_network(ground: Ground) -> None:
    with suppress(NotFoundError):
        await ground.lab.client.networks.remove(ground.lab.name)


async def _with_network(ground: Ground) -> None:
    await ground.runtime.create_net()


@case("ContainerRuntime.create_net", after=_without_network)
async def create_net(ground: Ground) -> None:
    await ground.runtime.create_net()


@case("ContainerRuntime.delete_net", before=_with_network, after=_without_network)
async def delete_net(ground: Ground) -> None:
    await ground.runtime.delete_net()


async def _without_image(ground: Ground) -> None:
    await ground.without_image()


@case("ContainerRuntime.pull_image", before=_without_image)
async def pull_image(ground: Ground) -> None:
    await ground.runtime.pull_image(ground.image)


@case("ContainerRuntime.stream_pull")
async def stream_pull(ground: Ground) -> None:
    async with ground.runtime.stream_pull(ground.image, PullPolicy.ALWAYS) as pull:
        async for _ in pull:
            pass


@case("ContainerRuntime.inspect_image")
async def inspect_image(ground: Ground) -> None:
    await ground.runtime.inspect_image("busybox")


# ---------------------------------------------------------------- a container's life


async def _without_spare(ground: Ground) -> None:
    with suppress(NotFoundError):
        await ground.lab.remove(ground.spare.long_name)
    ground.unlink_spare()


async def _with_spare(ground: Ground) -> None:
    await ground.runtime.create_container(ground.spare)


async def _with_running_spare(ground: Ground) -> None:
    await ground.runtime.create_container(ground.spare)
    await ground.runtime.start_container(ground.spare.long_name, EndpointlessNode(ground.spare))


async def _without_finished_spare(ground: Ground) -> None:
    """Remove it if the call has come to its end; a cancelled one has to have done that by itself."""
    if ground.finished:
        await _without_spare(ground)


@case("ContainerRuntime.create_container", after=_without_finished_spare)
async def create_container(ground: Ground) -> None:
    await ground.runtime.create_container(ground.spare)


@case("ContainerRuntime.start_container", before=_with_spare, after=_without_spare, touches=(LINKS,))
async def start_container(ground: Ground) -> None:
    await ground.runtime.start_container(ground.spare.long_name, EndpointlessNode(ground.spare))


@case("ContainerRuntime.delete_container", before=_with_spare, after=_without_spare, touches=(LINKS,))
async def delete_container(ground: Ground) -> None:
    await ground.runtime.delete_container(ground.spare.long_name)


@case("ContainerRuntime.delete_container", before=_with_running_spare, after=_without_spare, touches=(LINKS,))
async def one_that_runs(ground: Ground) -> None:
    await ground.runtime.delete_container(ground.spare.long_name)


async def _polite_again(ground: Ground) -> None:
    """Have the polite container run and ready, not on its way down; a slow engine may still be stopping it."""

    async def starts() -> bool:
        try:
            await ground.lab.client.containers.start(ground.polite)
        except ConflictError:
            return False
        return True

    await ground.settled(ground.polite)
    await until(starts)


@case("ContainerRuntime.stop_container", after=_polite_again)
async def stop_container(ground: Ground) -> None:
    await ground.runtime.stop_container(ground.polite)


@contextmanager
def _refused_where_nothing_is_paused(ground: Ground) -> Generator[None]:
    """Take a refusal, but only of an engine that pauses nothing."""
    try:
        yield
    except (UnsupportedOperationError, ConflictError, EngineInternalError):
        if difference(ground.engine, "pausing") is None:
            raise


async def _unpaused(ground: Ground) -> None:
    """Have it run; a pause that was cancelled may take effect only now."""
    if difference(ground.engine, "pausing"):
        return
    with anyio.move_on_after(0 if ground.finished else 1):
        while (await ground.lab.client.containers.inspect(ground.still)).state.status != "paused":  # noqa: ASYNC110
            await anyio.sleep(0.02)
    with suppress(ConflictError, EngineInternalError):
        await ground.lab.client.containers.unpause(ground.still)


async def _paused(ground: Ground) -> None:
    with _refused_where_nothing_is_paused(ground):
        await ground.lab.client.containers.pause(ground.still)


@case("ContainerRuntime.pause_container", after=_unpaused)
async def pause_container(ground: Ground) -> None:
    with _refused_where_nothing_is_paused(ground):
        await ground.runtime.pause_container(ground.still)


@case("ContainerRuntime.unpause_container", before=_paused, after=_unpaused)
async def unpause_container(ground: Ground) -> None:
    with _refused_where_nothing_is_paused(ground):
        await ground.runtime.unpause_container(ground.still)


# ---------------------------------------------------------------- looking at containers


@case("ContainerRuntime.list_containers")
async def list_containers(ground: Ground) -> None:
    assert await ground.runtime.list_containers()


@case("ContainerRuntime.get_container_status")
async def get_container_status(ground: Ground) -> None:
    await ground.runtime.get_container_status(ground.still)


@case("ContainerRuntime.is_healthy")
async def is_healthy(ground: Ground) -> None:
    await ground.runtime.is_healthy(ground.checked)


@case("ContainerRuntime.get_ns_path")
async def get_ns_path(ground: Ground) -> None:
    await ground.runtime.get_ns_path(ground.still)


@case("ContainerRuntime.get_hosts_path")
async def get_hosts_path(ground: Ground) -> None:
    await ground.runtime.get_hosts_path(ground.still)


@case("ContainerRuntime.log_non_running_container_output")
async def log_non_running_container_output(ground: Ground) -> None:
    await ground.runtime.log_non_running_container_output(ground.ended)


# ---------------------------------------------------------------- inside a container


@case("ContainerRuntime.exec", touches=(PROCESSES,))
async def exec_(ground: Ground) -> None:
    assert (await ground.runtime.exec(ground.still, ExecCmd("echo hello"))).stdout == b"hello\n"


@case("ContainerRuntime.exec", touches=(PROCESSES,))
async def a_long_one(ground: Ground) -> None:
    await for_a_while(lambda: ground.runtime.exec(ground.still, LONG))


@case("ContainerRuntime.exec_not_wait", touches=(PROCESSES,))
async def exec_not_wait(ground: Ground) -> None:
    await ground.runtime.exec_not_wait(ground.still, ExecCmd("true"))


@case("ContainerRuntime.write_to_stdin_no_wait", touches=(PROCESSES,))
async def write_to_stdin_no_wait(ground: Ground) -> None:
    # Podman 4 takes its detach keys one by one, which a proxy may join: it is asked without one.
    runtime = ground.runtime if ground.engine.kind == "docker" else ground.lab.runtime
    await runtime.write_to_stdin_no_wait(ground.still, b"hello\n")


@case("ContainerRuntime.copy_to_container", touches=(PROCESSES,))
async def copy_to_container(ground: Ground) -> None:
    await ground.runtime.copy_to_container(ground.still, "/copied", str(ground.file))


# ---------------------------------------------------------------- streams


async def take(stream: Stream[Any], items: int) -> None:
    """Read so many items, and leave the stream."""
    async with stream:
        for _ in range(items):
            await anext(stream)


@case("ContainerRuntime.stream_logs")
async def stream_logs(ground: Ground) -> None:
    await take(ground.runtime.stream_logs(ground.still), LINES)


@case("ContainerRuntime.stream_logs")
async def to_its_end(ground: Ground) -> None:
    async with ground.runtime.stream_logs(ground.ended, timestamps=True) as log:
        assert len([line async for line in log]) == LINES


@case("ContainerRuntime.stream_logs")
async def waiting_for_more(ground: Ground) -> None:
    await for_a_while(lambda: take(ground.runtime.stream_logs(ground.still, tail=0), 1))


@case("ContainerRuntime.merge_logs")
async def merge_logs(ground: Ground) -> None:
    async with ground.runtime.merge_logs([ground.still, ground.ended], follow=False) as log:
        told = [line.container async for line in log]
    assert told.count(ground.ended) == LINES
    assert told.count(ground.still) >= LINES  # other cases write to it


@case("ContainerRuntime.merge_logs")
async def merged_waiting_for_more(ground: Ground) -> None:
    await for_a_while(lambda: take(ground.runtime.merge_logs([ground.still, ground.ended], tail=0), 1))


@case("ContainerRuntime.stream_events")
async def stream_events(ground: Ground) -> None:
    async with ground.runtime.stream_events() as events:
        ground.post(f"/containers/{ground.still}/pause")
        ground.post(f"/containers/{ground.still}/unpause")
        for _ in range(2):
            await anext(events)


# ---------------------------------------------------------------- waits


@case("StartedContainer.wait_running")
async def wait_running(ground: Ground) -> None:
    await ground.started.wait_running()


@case("StartedContainer.wait_exited")
async def wait_exited(ground: Ground) -> None:
    await for_a_while(ground.started.wait_exited)


@case("StartedContainer.wait_healthy")
async def wait_healthy(ground: Ground) -> None:
    await ground.healthy.wait_healthy()


@case("wait_for_container_running")
async def wait_for_container_running_(ground: Ground) -> None:
    await wait_for_container_running(ground.runtime, ground.still, "still")


@case("StartedContainer.wait_log")
async def wait_log(ground: Ground) -> None:
    await ground.started.wait_log(str(LINES))


@case("StartedContainer.wait_log")
async def that_never_comes(ground: Ground) -> None:
    await for_a_while(lambda: ground.started.wait_log("no such line"))


@case("StartedContainer.wait_removed")
async def wait_removed(ground: Ground) -> None:
    await for_a_while(ground.started.wait_removed)


@case("ContainerRuntime.wait_all")
async def wait_all(ground: Ground) -> None:
    await ground.runtime.wait_all([ground.still, ground.checked, ground.polite], WaitFor.RUNNING)


@case("ContainerRuntime.wait_all")
async def with_an_end_of_time(ground: Ground) -> None:
    with suppress(WaitTimeoutError):
        await ground.runtime.wait_all([ground.still, ground.polite], WaitFor.EXITED, timeout=A_WHILE)


@case("ContainerRuntime.wait_any")
async def wait_any(ground: Ground) -> None:
    await ground.runtime.wait_any([ground.still, ground.ended], LogMatch(str(LINES)))


# ---------------------------------------------------------------- what goes on


@case("ContainerRuntime.watch", after=_unpaused)
async def watch(ground: Ground) -> None:
    async with ground.runtime.watch() as changes:
        while (await anext(changes)).kind is not ChangeKind.SYNCED:
            pass
        ground.post(f"/containers/{ground.still}/pause")
        await anext(changes)


@case("ContainerRuntime.get_stats")
async def get_stats(ground: Ground) -> None:
    await ground.runtime.get_stats(ground.still)


@case("ContainerRuntime.stream_stats")
async def stream_stats(ground: Ground) -> None:
    await take(ground.runtime.stream_stats([ground.still, ground.polite], interval=0.2), 3)


# ---------------------------------------------------------------- sessions


@case("ContainerRuntime.open_exec", touches=(PROCESSES,))
async def open_exec(ground: Ground) -> None:
    async with ground.runtime.open_exec(ground.still, LONG, tty=True):
        pass


@case("ContainerRuntime.attach", touches=(PROCESSES,))
async def attach(ground: Ground) -> None:
    async with ground.runtime.attach(ground.still) as session:
        await session.send(b"x\n")
        await anext(session)


@case("Session.send", touches=(PROCESSES,))
@case("Session.send_eof", touches=(PROCESSES,))
@case("Session.wait", touches=(PROCESSES,))
async def by_cat(ground: Ground) -> None:
    async with ground.runtime.open_exec(ground.still, ExecCmd("cat")) as session:
        await session.send(b"hello")
        assert (await anext(session)).data == b"hello"
        await session.send_eof()
        assert await session.wait() == 0


@case("Session.send_all", touches=(PROCESSES,))
@case("Session.aclose", touches=(PROCESSES,))
async def while_nothing_is_read(ground: Ground) -> None:
    async def much() -> AsyncGenerator[bytes]:
        while True:
            yield bytes(100_000)

    async with ground.runtime.open_exec(ground.still, LONG) as session:
        await for_a_while(lambda: session.send_all(much()))
        await session.aclose()


@case("Session.resize", touches=(PROCESSES,))
async def resize(ground: Ground) -> None:
    async with ground.runtime.open_exec(ground.still, LONG, tty=True) as session:
        await session.resize(100, 30)
