"""A task of the event loop: it is stopped by who started it, and takes nobody along."""

import logging

import anyio
import anyio.lowlevel
import pytest

from clab_runtime.engine import background
from clab_runtime.engine.background import Background
from tests.conftest import BACKENDS, NoLeaks

pytestmark = pytest.mark.anyio


@pytest.mark.uvloop
async def test_it_runs_beside_its_starter_until_it_is_stopped(no_leaks: NoLeaks) -> None:
    seen: list[str] = []

    async def call() -> None:
        try:
            seen.append("begun")
            begun.set()
            await anyio.sleep_forever()
        finally:
            seen.append("ended")

    async with no_leaks():
        with anyio.CancelScope():
            begun = anyio.Event()
            task = Background(call, "test")
        await begun.wait()
        assert task.is_running
        await task.stop()
        assert not task.is_running
        await task.stop()
    assert seen == ["begun", "ended"]


async def test_one_that_is_stopped_before_it_has_begun_does_nothing(no_leaks: NoLeaks) -> None:
    seen: list[str] = []

    async def call() -> None:
        await anyio.lowlevel.checkpoint()
        seen.append("went on")

    async with no_leaks():
        await Background(call, "test").stop()
    assert not seen


async def test_who_is_cancelled_still_waits_for_its_end() -> None:
    async def call() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.05)

    task = Background(call, "test")
    await anyio.lowlevel.checkpoint()
    with anyio.CancelScope() as scope:
        scope.cancel()
        await task.stop()
    assert not task.is_running


async def test_one_that_does_not_end_is_waited_for_so_long_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "LAST_MOMENTS", 0.05)
    end = anyio.Event()

    async def call() -> None:
        with anyio.CancelScope(shield=True):
            await end.wait()

    task = Background(call, "test")
    await anyio.lowlevel.checkpoint()
    await task.stop()
    assert task.is_running
    end.set()
    await task.stop()
    assert not task.is_running


async def test_an_error_is_logged_and_ends_it(caplog: pytest.LogCaptureFixture) -> None:
    async def call() -> None:
        raise RuntimeError("unexpected")

    task = Background(call, "some work")
    with anyio.fail_after(5):
        while task.is_running:
            await anyio.lowlevel.checkpoint()
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("clab_runtime", logging.ERROR)
    assert "some work" in record.message
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "unexpected"


@pytest.mark.parametrize("name", BACKENDS)
def test_it_ends_with_the_event_loop(name: str) -> None:
    seen: list[str] = []

    async def call() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            seen.append("ended")

    async def main() -> Background:
        task = Background(call, "test")
        await anyio.sleep(0.01)
        return task

    backend, options = BACKENDS[name]
    task = anyio.run(main, backend=backend, backend_options=options)
    assert seen == ["ended"]
    assert not task.is_running
