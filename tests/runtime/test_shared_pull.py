"""Two pulls of one image are one: counted at an engine that plays a script, cancelled at every moment."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import anyio
import pytest

from clab_runtime import (
    EngineProtocolError,
    EngineStreamError,
    InvalidValueError,
    MgmtNet,
    NotFoundError,
    PullPolicy,
    PullProgress,
    Stream,
    UnauthorizedError,
    with_mgmt_net,
)
from clab_runtime.runtime.docker import DockerRuntime
from tests.conftest import NoLeaks
from tests.contract.lab import cancelled, within
from tests.engine.fake_engine import FakeEngine, Peer, Request, Script, answer, chunk, chunked, fake_engine

pytestmark = pytest.mark.anyio

IMAGE = "alpine:3"
NAMES = (IMAGE, "docker.io/library/alpine:3", "docker.io/alpine:3", "index.docker.io/library/alpine:3")
"""One image under several names."""

CONSUMERS = 8
ROUNDS = 60


class Held:
    """A pull's script: it lacks every image, answers with lines, and waits before the last for the test's word."""

    def __init__(self, last: bytes = b'{"status":"Status: Downloaded"}', *, breaks_off: bool = False) -> None:
        self.begun = anyio.Event()
        self.go_on = anyio.Event()
        self.hung_up = anyio.Event()
        self._last = last
        self._breaks_off = breaks_off

    async def __call__(self, peer: Peer, request: Request) -> None:
        await peer.body(request)
        if request.method == "GET":
            await peer.send(answer(b'{"message":"No such image"}', status="404 Not Found"))
            return
        lines = (b'{"status":"Pulling fs layer","id":"%d"}\n' % number for number in range(3))
        await peer.send(chunked(*lines, end=False))
        self.begun.set()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, peer, tasks.cancel_scope)
            await self.go_on.wait()
            tasks.cancel_scope.cancel()
        if self._breaks_off:
            await peer.hang_up()
        await peer.send(chunk(self._last), b"0\r\n\r\n")

    async def _watch(self, peer: Peer, scope: anyio.CancelScope) -> None:
        await peer.hung_up()
        self.hung_up.set()
        scope.cancel()


@asynccontextmanager
async def runtime_on(script: Script) -> AsyncGenerator[tuple[DockerRuntime, FakeEngine]]:
    """Have a runtime on an engine that plays the script."""
    async with fake_engine(script) as engine:
        runtime = DockerRuntime(f"unix://{engine.path}")
        await runtime.init(with_mgmt_net(MgmtNet(network="x", bridge="y", mtu=1500)))
        try:
            yield runtime, engine
        finally:
            await runtime.aclose()


def pulls(engine: FakeEngine) -> int:
    return sum(request.method == "POST" for request in engine.requests)


async def drain(stream: Stream[PullProgress]) -> list[PullProgress]:
    async with stream:
        return [progress async for progress in stream]


async def test_pulls_of_one_image_under_any_of_its_names_are_one_request(no_leaks: NoLeaks) -> None:
    held = Held()
    results: list[list[PullProgress]] = []

    async with no_leaks(), runtime_on(held) as (runtime, engine):

        async def pull(number: int) -> None:
            policy = PullPolicy.ALWAYS if number % 2 else PullPolicy.IF_NOT_PRESENT
            results.append(await drain(runtime.stream_pull(NAMES[number % len(NAMES)], policy)))

        async with anyio.create_task_group() as tasks:
            for number in range(CONSUMERS):
                tasks.start_soon(pull, number)
            await within(held.begun.wait)
            async with runtime.stream_pull(IMAGE, PullPolicy.ALWAYS) as late:
                assert (await within(late.__anext__)).layers_total  # where the pull is, at once
            held.go_on.set()
        assert pulls(engine) == 1
        await runtime.pull_image(IMAGE)  # the next one is another
        assert pulls(engine) == 2
    assert len(results) == CONSUMERS
    for steps in results:
        assert [step.fraction for step in steps[-1:]] == [1.0]
        assert all(step.fraction < 1 for step in steps[:-1])
        assert steps[-1].layers_total == 3


async def test_other_images_and_other_tags_are_pulled_apart() -> None:
    held = Held()
    held.go_on.set()
    async with runtime_on(held) as (runtime, engine), anyio.create_task_group() as tasks:
        for image in ("alpine:3", "alpine:2", "x/alpine:3"):
            tasks.start_soon(runtime.pull_image, image)
    assert pulls(engine) == 3


async def test_a_slow_consumer_gets_the_latest_state_and_the_last() -> None:
    held = Held()
    async with runtime_on(held) as (runtime, _), runtime.stream_pull(IMAGE) as slow:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(runtime.pull_image, IMAGE)
            await within(held.begun.wait)
            held.go_on.set()
        steps = [step async for step in slow]
    assert [step.fraction for step in steps] == [1.0]


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_consumers_cancelled_at_any_moment_do_not_disturb_the_others(
    no_leaks: NoLeaks, *, natively: bool
) -> None:
    dice = random.Random(5)
    async with no_leaks():
        for _ in range(ROUNDS):
            held = Held()
            moments = [dice.uniform(0, 0.006) for _ in range(3)]
            async with runtime_on(held) as (runtime, engine):
                last = await _cancel_some(runtime, held, moments, natively=natively)
                assert last.fraction == 1
                assert 1 <= pulls(engine) <= 1 + len(moments)  # asked anew only before the first word
                assert "0 dedicated" in repr(runtime)


async def _cancel_some(runtime: DockerRuntime, held: Held, moments: list[float], *, natively: bool) -> PullProgress:
    """Cancel pulls, of which the first asks the engine for all, while another one of the same image goes on."""
    steps: list[PullProgress] = []

    async def stay() -> None:
        steps.extend(await drain(runtime.stream_pull(IMAGE)))

    async def leave(seconds: float) -> None:
        await cancelled(lambda: runtime.pull_image(IMAGE), lambda: anyio.sleep(seconds), natively=natively)

    async with anyio.create_task_group() as tasks:
        async with anyio.create_task_group() as leavers:
            for seconds in moments:
                leavers.start_soon(leave, seconds)
            tasks.start_soon(stay)
        held.go_on.set()
    return steps[-1]


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_the_one_who_waits_for_the_engine_hands_the_wait_on_when_it_is_cancelled(
    no_leaks: NoLeaks, *, natively: bool
) -> None:
    held = Held()
    steps: list[PullProgress] = []

    async def stay() -> None:
        steps.extend(await drain(runtime.stream_pull(IMAGE)))

    async with no_leaks(), runtime_on(held) as (runtime, engine), anyio.create_task_group() as tasks:

        async def another_one_waits_too() -> None:
            await within(held.begun.wait)
            tasks.start_soon(stay)
            await anyio.wait_all_tasks_blocked()

        assert await cancelled(lambda: runtime.pull_image(IMAGE), another_one_waits_too, natively=natively)
        held.go_on.set()
    assert steps[-1].fraction == 1
    assert pulls(engine) == 1


async def test_the_last_to_leave_ends_the_engine_s_request_and_no_earlier_one(no_leaks: NoLeaks) -> None:
    held = Held()
    async with no_leaks(), runtime_on(held) as (runtime, engine):
        async with runtime.stream_pull(IMAGE) as one:
            await within(one.__anext__)
            async with runtime.stream_pull(IMAGE) as other:
                await within(other.__anext__)
            with anyio.move_on_after(0.05):
                await held.hung_up.wait()
            assert not held.hung_up.is_set()
        await within(held.hung_up.wait)
        assert pulls(engine) == 1
        assert "0 dedicated" in repr(runtime)


async def test_a_consumer_closed_while_it_waits_for_all_gets_no_item_and_the_others_go_on(no_leaks: NoLeaks) -> None:
    held = Held()
    rest: list[PullProgress] = []
    async with no_leaks(), runtime_on(held) as (runtime, engine):
        one = runtime.stream_pull(IMAGE)
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                rest.extend([step async for step in one])

            tasks.start_soon(read)
            await within(held.begun.wait)
            async with runtime.stream_pull(IMAGE) as other:
                await within(other.__anext__)
                await one.aclose()
                held.go_on.set()
                assert [step async for step in other][-1].fraction == 1
        assert all(step.fraction < 1 for step in rest)
        assert pulls(engine) == 1


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        (lambda: Held(b'{"errorDetail":{"message":"no space left"},"error":"no space left"}'), EngineStreamError),
        (lambda: Held(breaks_off=True), EngineProtocolError),
    ],
    ids=["an error in the stream", "a connection that breaks off"],
)
async def test_what_a_pull_fails_of_reaches_everyone(
    no_leaks: NoLeaks, held: Callable[[], Held], kind: type[Exception]
) -> None:
    script = held()
    errors: list[Exception] = []

    async with no_leaks(), runtime_on(script) as (runtime, engine):

        async def pull() -> None:
            try:
                await runtime.pull_image(IMAGE)
            except kind as exc:
                errors.append(exc)

        async with anyio.create_task_group() as tasks:
            for _ in range(CONSUMERS):
                tasks.start_soon(pull)
            await within(script.begun.wait)
            script.go_on.set()
        assert pulls(engine) == 1
        assert "0 dedicated" in repr(runtime)
    assert len(errors) == CONSUMERS


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        ("500 Internal Server Error", "unauthorized: authentication required", UnauthorizedError),
        ("500 Internal Server Error", "Head x: no basic auth credentials", UnauthorizedError),
        ("401 Unauthorized", "unauthorized", UnauthorizedError),
        ("404 Not Found", "manifest unknown", NotFoundError),
    ],
)
async def test_a_registry_s_refusal_is_the_same_error_under_every_status(
    status: str, words: str, kind: type[Exception]
) -> None:
    async def script(peer: Peer, request: Request) -> None:
        await peer.body(request)
        await peer.send(answer(f'{{"message":"{words}"}}'.encode(), status=status))

    caught: list[Exception] = []
    async with runtime_on(script) as (runtime, _):
        try:
            await runtime.pull_image("reg.example/x:1", PullPolicy.ALWAYS)
        except kind as exc:
            caught.append(exc)
    assert "pulling reg.example/x:1: " in str(caught[0])
    assert words in str(caught[0])
    assert ("docker login reg.example" in str(caught[0])) == (kind is UnauthorizedError)


async def test_bad_words_are_refused_before_any_request() -> None:
    async with runtime_on(Held()) as (runtime, engine):
        for image, policy in (("Upper:1", "always"), (IMAGE, "sometimes"), ("", "never")):
            with pytest.raises(InvalidValueError):
                runtime.stream_pull(image, policy)  # type: ignore[arg-type]
        assert not engine.requests
