"""Fields of a node that say what becomes of it: its health check, its restarts, its removal."""

from contextlib import suppress

import msgspec
import pytest

from clab_runtime import ContainerStatus, HealthcheckConfig, NotFoundError
from tests.contract.differences import Differs, usually
from tests.contract.lab import Lab, until, within
from tests.contract.looking import all_up, facts, inside, with_

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000


@pytest.mark.proves("healthcheck")
async def test_a_health_check_runs_inside_as_often_as_it_was_asked_to(lab: Lab, differs: Differs) -> None:
    shell = HealthcheckConfig(test=["CMD-SHELL", "echo $0 was here | tee /checked"], interval=1, timeout=5, retries=2)
    argv = HealthcheckConfig(test=["CMD", "test", "-e", "/no such file"], interval=1, retries=1)
    never = HealthcheckConfig(test=["NONE"])
    well = with_(lab.node("well"), healthcheck=shell)
    ill, none = with_(lab.node("ill"), healthcheck=argv), with_(lab.node("none"), healthcheck=never)
    young = with_(lab.node("young"), healthcheck=msgspec.structs.replace(argv, start_period=60))
    await all_up(lab, well, ill, none, young)
    found = await facts(lab, well)
    check = found["Config"]["Healthcheck"]
    assert check["Test"] == ["CMD-SHELL", "echo $0 was here | tee /checked"]
    assert (check["Interval"], check["Timeout"], check["Retries"]) == (SECOND, 5 * SECOND, 2)
    assert (await facts(lab, none))["Config"]["Healthcheck"]["Test"] == ["NONE"]
    no_health = usually(differs, "health of a container without a check", None)
    assert (await facts(lab, none))["State"].get("Health") == no_health
    checks_by_itself = differs("health timers") is None

    async def both_checked() -> bool:
        if not checks_by_itself:
            for node in (well, ill):
                await lab.client.call("GET", f"/libpod/containers/{node.long_name}/healthcheck")
        states = [(await facts(lab, node))["State"]["Health"]["Status"] for node in (well, ill)]
        return states == ["healthy", "unhealthy"]

    await until(both_checked)
    starting = await facts(lab, young)
    assert starting["Config"]["Healthcheck"]["StartPeriod"] == 60 * SECOND
    assert starting["State"]["Health"]["Status"] == "starting"
    log = (await facts(lab, well))["State"]["Health"]["Log"]
    assert log[0]["Output"] == usually(differs, "health output as read back", "/bin/sh was here\n")
    assert await inside(lab, well, "cat /checked") == "/bin/sh was here"


@pytest.mark.proves("restart-policy")
async def test_a_node_is_started_again_as_its_policy_says(lab: Lab) -> None:
    policies = ("no", "on-failure:2", "always", "unless-stopped")
    nodes = {policy: with_(lab.node(policy.partition(":")[0], "false"), restart_policy=policy) for policy in policies}
    await all_up(lab, *nodes.values())
    asked = {policy: (await facts(lab, node))["HostConfig"]["RestartPolicy"] for policy, node in nodes.items()}
    assert asked == {
        policy: {"Name": policy.partition(":")[0], "MaximumRetryCount": 2 if ":" in policy else 0}
        for policy in policies
    }

    async def restarts(policy: str) -> int:
        count: int = (await facts(lab, nodes[policy]))["RestartCount"]
        return count

    async def all_again() -> bool:
        return [await restarts(policy) >= 2 for policy in policies] == [False, True, True, True]

    await until(all_again)
    await within(lambda: lab.client.containers.wait(nodes["on-failure:2"].long_name))
    assert await restarts("on-failure:2") == 2
    assert await restarts("no") == 0


@pytest.mark.proves("auto-remove", "restart-policy")
async def test_a_node_that_removes_itself_is_gone_when_it_ends_whatever_its_restart_policy(lab: Lab) -> None:
    node = with_(lab.node(auto_remove=True), restart_policy="always")
    started = await lab.start(node)
    host = (await facts(lab, node))["HostConfig"]
    assert (host["AutoRemove"], host["RestartPolicy"]["Name"] in {"", "no"}) == (True, True)
    with suppress(NotFoundError):  # Podman waits for the end, and may then look for what is gone
        await lab.client.containers.kill(node.long_name)

    async def gone() -> bool:
        return await lab.runtime.get_container_status(node.long_name) is ContainerStatus.NOT_FOUND

    await until(gone)
    with pytest.raises(NotFoundError):
        await started.wait_running()
