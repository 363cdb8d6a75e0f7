"""Nodes that containerlab has dumped, as JSON and as YAML: they are read, deployed, and found by its own labels."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from clab_runtime import (
    ExecCmd,
    GenericFilter,
    HealthcheckConfig,
    MgmtNet,
    NodeConfig,
    PortBinding,
    PullPolicy,
    labels,
)
from tests.contract.differences import Differs
from tests.contract.lab import Lab, open_lab
from tests.contract.looking import facts, inside, with_
from tests.engines import Engine

pytestmark = pytest.mark.anyio

DATA = Path(__file__).parent / "data"
R1 = NodeConfig.from_json((DATA / "node-r1.json").read_bytes())
R2 = NodeConfig.from_yaml((DATA / "node-r2.yaml").read_bytes())
LAB = "demo"
MGMT = MgmtNet(network="demo-mgmt", ipv4_subnet="172.20.20.0/24", ipv6_subnet="3fff:172:20:20::/64", mtu=1500)


@pytest.fixture
async def demo(engine: Engine, differs: Differs) -> AsyncGenerator[Lab]:
    """The lab that the dumps are of, with both of its nodes up; where nothing can be limited, without their limits."""
    limits = {"cpu": 0, "cpuset": "", "memory": ""} if differs("limits") else {}
    async with open_lab(engine, name=LAB) as lab:
        lab.runtime.with_mgmt_net(MGMT)
        await lab.runtime.create_net()
        for node in (R1, R2):
            await lab.runtime.pull_image(node.image, node.image_pull_policy)
            await lab.start(with_(node, runtime=node.runtime and engine.kind, **limits))
        yield lab


def test_a_dump_says_what_containerlab_meant() -> None:
    assert (R1.short_name, R1.type, R1.cpu, R1.startup_delay) == ("r1", "router", 0.5, 2)
    assert R1.port_bindings["80/tcp"] == (PortBinding("", "8080"),)
    assert R1.healthcheck == HealthcheckConfig(
        test=("CMD-SHELL", "pidof sleep"), start_period=1, interval=1, timeout=5, retries=3
    )
    assert R1.dns
    assert (R1.dns.servers, R1.dns.options, R1.dns.search) == (("172.20.20.53",), (), ("demo.io",))
    assert (R2.image_pull_policy, R2.auto_remove, R2.sysctls) == (PullPolicy.NEVER, True, {})
    assert R2.env == {"VERSION": "1.10", "DEBUG": "no", "MODE": "0644", "EMPTY": ""}


@pytest.mark.parametrize("node", [R1, R2], ids=["json", "yaml"])
def test_a_dump_survives_being_written_again(node: NodeConfig) -> None:
    assert NodeConfig.from_json(node.to_json()) == node
    assert NodeConfig.from_yaml(node.to_yaml()) == node


@pytest.mark.proves("shortname", "longname", "labels", "networkmode", "pidmode", "runtime")
async def test_nodes_that_containerlab_dumped_are_deployed_under_its_names_and_labels(demo: Lab) -> None:
    for node in (R1, R2):
        found = await facts(demo, node)
        assert found["Name"] == f"/{labels.container_name(LAB, node.short_name)}"
        assert found["Config"]["Labels"] == node.labels  # the runtime adds none of its own, as containerlab's does not
        by_label = [
            GenericFilter("label", labels.CONTAINERLAB, "=", LAB),
            GenericFilter("label", labels.NODE_NAME, "=", node.short_name),
        ]
        (listed,) = await demo.runtime.list_containers(by_label)
        assert listed.names == (node.long_name,)
        assert listed.labels[labels.NODE_KIND] == "linux"
        assert listed.state == "running"


async def test_what_was_dumped_is_what_runs(demo: Lab) -> None:
    (r1,) = await demo.runtime.list_containers([GenericFilter("name", match=R1.long_name)])
    assert r1.ipv4 == "172.20.20.11/24"
    assert r1.ipv6 == "3fff:172:20:20::11/64"
    result = await demo.runtime.exec(R1.long_name, ExecCmd(R1.exec[0]))
    assert "link/ether 02:42:ac:14:14:0b" in result.stdout_text
    async with demo.runtime.stream_logs(R1.long_name) as log:
        assert (await anext(log)).text == "r1 is up"
    assert await inside(demo, R2, "hostname; echo $VERSION $DEBUG $MODE") == "r1\n1.10 no 0644"
    assert "sleep" in await inside(demo, R2, "ps -o pid,args | grep '^ *1 '")
