"""Clean-up that cancellation does not stop."""

import anyio
import pytest
from anyio.lowlevel import checkpoint

from clab_runtime.engine.tasks import shielded
from clab_runtime.runtime import shielding
from clab_runtime.runtime.shielding import complete_or_undo
from tests.contract.lab import cancelled

pytestmark = pytest.mark.anyio

WAYS = pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])


class Making:
    """Something that takes a while to make, and may be undone."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.begun = anyio.Event()
        self.go_on = anyio.Event()
        self.done: list[str] = []
        self.failure = failure

    async def make(self) -> str:
        self.begun.set()
        await self.go_on.wait()
        if self.failure:
            raise self.failure
        self.done.append("made")
        return "it"

    async def undo(self, made: str) -> None:
        await checkpoint()
        self.done.append(f"undone {made}")

    async def both(self) -> str:
        return await complete_or_undo(self.make, self.undo)


@WAYS
async def test_a_call_goes_on_though_its_caller_is_cancelled(*, natively: bool) -> None:
    begun, done = anyio.Event(), list[str]()

    async def call() -> None:
        begun.set()
        await anyio.sleep(0.05)
        done.append("done")

    await cancelled(lambda: shielded(call), begun.wait, natively=natively)
    assert done == ["done"]


async def test_it_goes_on_for_so_long_and_no_longer() -> None:
    with anyio.fail_after(5):
        await shielded(anyio.sleep_forever, 0.01)


async def test_its_error_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise ValueError("as it is")

    with pytest.raises(ValueError, match="as it is"):
        await shielded(fail)


async def test_what_is_made_is_returned() -> None:
    making = Making()
    making.go_on.set()
    assert await making.both() == "it"
    assert making.done == ["made"]


@WAYS
async def test_what_was_being_made_when_the_caller_was_cancelled_is_undone(*, natively: bool) -> None:
    making = Making()

    async def when() -> None:
        await making.begun.wait()

    async def run() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(let_go)
            assert await cancelled(making.both, when, natively=natively)

    async def let_go() -> None:
        await making.begun.wait()
        await anyio.sleep(0.02)
        making.go_on.set()

    await run()
    assert making.done == ["made", "undone it"]


@WAYS
async def test_what_could_not_be_made_is_not_undone(*, natively: bool) -> None:
    making = Making(ValueError("no"))

    async def failing() -> None:
        with pytest.raises(ValueError, match="no"):
            await making.both()

    async def when() -> None:
        await making.begun.wait()
        making.go_on.set()

    await cancelled(failing, when, natively=natively)
    assert making.done == []


async def test_undoing_takes_only_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shielding, "UNDO_TIME", 0.01)
    making = Making()
    making.go_on.set()

    async def undo(_: str) -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(5), anyio.CancelScope() as scope:
        scope.cancel()
        await complete_or_undo(making.make, undo)
    assert scope.cancelled_caught
