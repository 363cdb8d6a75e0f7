"""The scenarios of `make faults` on a small scale and on trio, on engines that go on running."""

from collections.abc import Awaitable, Callable

import anyio
import pytest

from tests.engines import Engine
from tests.faults import scenario_events, scenario_health, scenario_logs, scenario_slow, scenario_watch
from tests.faults.report import Report

LIMIT = 150.0

Scenario = Callable[[Engine, Report], Awaitable[None]]


async def without_restarts(engine: Engine, report: Report) -> None:
    """Leave the engine, which is not only ours, alone."""
    await scenario_events.scenario(engine, report, restarts=0)


SCENARIOS: dict[str, tuple[Scenario, float]] = {
    "events": (without_restarts, 0.02),
    "health": (scenario_health.scenario, 0.03),
    "logs": (scenario_logs.scenario, 0.02),
    "slow": (scenario_slow.scenario, 0.04),
    "watch": (scenario_watch.scenario, 0.02),
}
"""Each with its scale."""


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_small_scenario(engine: Engine, name: str) -> None:
    scenario, scale = SCENARIOS[name]
    report = Report(name, scale=scale)

    async def run() -> None:
        with anyio.fail_after(LIMIT):
            await scenario(engine, report)

    anyio.run(run, backend="trio")
    assert report.failures == []
    assert report.figures
