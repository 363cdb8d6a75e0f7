"""Engine faults that are known to pass."""

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

import anyio
import pytest

from clab_runtime import (
    ConflictError,
    EndpointlessNode,
    EngineError,
    EngineInternalError,
    MgmtNet,
    NodeConfig,
    with_mgmt_net,
)
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.faults import IPV6_GATEWAY_EXISTS, START_FAULTS, TransientFault, ride_out
from tests.conftest import NoLeaks
from tests.engine.fake_engine import Peer, Request, answer, fake_engine

pytestmark = pytest.mark.anyio

DOCKERS_WORDS = (
    "failed to create task for container: failed to set IPv6 gateway while updating gateway: file exists",
    "failed to set IPv6 gateway while updating gateway: route for the gateway fd00::1 could not be added:\nfile exists",
)
QUICK = TransientFault("quick", re.compile("quick"), (0.01, 0.02, 0.04))
OTHER = TransientFault("other", re.compile("other"), (0.01,))


def failing(
    *messages: str, kind: type[EngineError] = EngineInternalError
) -> tuple[list[float], Callable[[], Awaitable[None]]]:
    """Make a call that fails with these messages, one a try, and then succeeds."""
    left, calls = list(messages), list[float]()

    async def call() -> None:
        calls.append(anyio.current_time())
        if left:
            raise kind(500, left.pop(0), "POST", "/containers/x/start")

    return calls, call


async def test_a_call_that_succeeds_is_made_once() -> None:
    calls, call = failing()
    counters = Counter[str]()
    await ride_out(START_FAULTS, counters, call)
    assert (len(calls), counters) == (1, Counter())


async def test_a_fault_is_ridden_out_with_its_delays_and_counted() -> None:
    calls, call = failing("quick", "so quick", "quick")
    counters = Counter[str]()
    await ride_out((OTHER, QUICK), counters, call)
    assert counters == {"quick": 3}
    waits = [later - earlier for earlier, later in pairwise(calls)]
    assert all(wait >= delay * 0.9 for wait, delay in zip(waits, QUICK.delays, strict=True))


async def test_a_fault_that_stays_is_raised_when_its_tries_are_used_up() -> None:
    calls, call = failing(*["quick"] * 9)
    with pytest.raises(EngineInternalError, match="quick"):
        await ride_out((QUICK,), Counter(), call)
    assert len(calls) == 4


async def test_every_fault_has_tries_of_its_own() -> None:
    calls, call = failing("quick", "other", "quick")
    counters = Counter[str]()
    await ride_out((OTHER, QUICK), counters, call)
    assert len(calls) == 4
    assert counters == {"quick": 2, "other": 1}


async def test_what_is_no_known_fault_is_raised_at_once() -> None:
    calls, call = failing("something else")
    with pytest.raises(EngineInternalError):
        await ride_out((QUICK,), Counter(), call)
    assert len(calls) == 1


async def test_another_status_is_no_fault_whatever_it_says() -> None:
    calls, call = failing("quick", kind=ConflictError)
    with pytest.raises(ConflictError):
        await ride_out((QUICK,), Counter(), call)
    assert len(calls) == 1


@pytest.mark.parametrize("message", DOCKERS_WORDS)
async def test_dockers_fault_of_the_ipv6_gateway_is_known(message: str) -> None:
    assert IPV6_GATEWAY_EXISTS in START_FAULTS
    assert IPV6_GATEWAY_EXISTS.delays == (0.1, 0.2, 0.4)
    assert IPV6_GATEWAY_EXISTS.pattern.search(message)


async def test_another_file_that_exists_is_none() -> None:
    assert not IPV6_GATEWAY_EXISTS.pattern.search("mkdir /x: file exists")


async def test_a_start_is_tried_three_times_more_and_the_runtime_counts(no_leaks: NoLeaks) -> None:
    fault = answer(f'{{"message":"{DOCKERS_WORDS[0]}"}}'.encode(), status="500 Internal Server Error")
    started = answer(status="204 No Content")
    node = EndpointlessNode(NodeConfig(short_name="r1", long_name="r1"))
    answers = iter([*[fault] * 3, started, *[fault] * 4])

    async def script(peer: Peer, request: Request) -> None:
        is_start = request.target.endswith("/start")
        await peer.send(next(answers) if is_start else answer(b"{}", status="404 Not Found"))

    async with no_leaks(), fake_engine(script) as fake:
        runtime = DockerRuntime(f"unix://{fake.path}")
        await runtime.init(with_mgmt_net(MgmtNet(network="x", bridge="y", mtu=1500)))
        faults = runtime.faults
        assert faults == {}
        await runtime.start_container("r1", node)
        assert faults == {"ipv6-gateway-exists": 3}
        with pytest.raises(EngineInternalError, match="file exists"):
            await runtime.start_container("r1", node)
        assert runtime.faults == {"ipv6-gateway-exists": 6}
        assert next(answers, None) is None
        await runtime.aclose()
