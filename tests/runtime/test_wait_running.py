"""wait_for_container_running, with any runtime."""

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import anyio
import pytest

from clab_runtime import (
    ContainerRuntime,
    ContainerRuntimeError,
    ContainerStatus,
    EngineConnectionError,
    WaitTimeoutError,
    wait_for_container_running,
)

pytestmark = pytest.mark.anyio


class Statuses:
    """A runtime that knows what the next looks see, the last for ever."""

    def __init__(self, statuses: Sequence[ContainerStatus | Exception]) -> None:
        self.left = list(statuses)
        self.looks: list[float] = []

    async def get_container_status(self, container: str) -> ContainerStatus:
        assert container == "clab-x-r1"
        self.looks.append(anyio.current_time())
        status = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(status, Exception):
            raise status
        return status


async def wait(statuses: Statuses, timeout: float = 20, interval: float = 0.05) -> None:  # noqa: ASYNC109
    runtime = cast("ContainerRuntime", statuses)
    await wait_for_container_running(runtime, "clab-x-r1", "r1", timeout=timeout, interval=interval)


async def test_the_first_look_is_at_once() -> None:
    statuses = Statuses([ContainerStatus.RUNNING])
    with anyio.fail_after(1):
        await wait(statuses, interval=60)
    assert len(statuses.looks) == 1


async def test_every_other_state_is_waited_through_an_interval_each() -> None:
    others = [status for status in ContainerStatus if status is not ContainerStatus.RUNNING]
    statuses = Statuses([*others, ContainerStatus.RUNNING])
    await wait(statuses)
    assert len(statuses.looks) == len(others) + 1
    pairs = pairwise(statuses.looks)
    assert all(later - earlier >= 0.045 for earlier, later in pairs)


async def test_when_the_time_is_over_the_error_names_all_there_is_to_know() -> None:
    with pytest.raises(WaitTimeoutError) as caught:
        await wait(Statuses([ContainerStatus.NOT_FOUND, ContainerStatus.CREATED]), timeout=0.2)
    assert isinstance(caught.value, TimeoutError)
    for word in ("r1", "clab-x-r1", "0.2 s", "Created"):
        assert word in str(caught.value)


async def test_an_engine_that_never_answers_is_a_status_that_is_not_known() -> None:
    class Silent(Statuses):
        async def get_container_status(self, container: str) -> ContainerStatus:
            del container
            await anyio.sleep_forever()
            raise AssertionError

    with pytest.raises(WaitTimeoutError, match="not known"):
        await wait(Silent([]), timeout=0.05)


async def test_an_engine_that_is_gone_ends_the_wait() -> None:
    with pytest.raises(EngineConnectionError):
        await wait(Statuses([ContainerStatus.CREATED, EngineConnectionError("x", "y", "z")]))


async def test_the_callers_own_time_out_stays_the_callers() -> None:
    with pytest.raises(TimeoutError) as caught:
        with anyio.fail_after(0.05):
            await wait(Statuses([ContainerStatus.CREATED]))
    assert not isinstance(caught.value, ContainerRuntimeError)
