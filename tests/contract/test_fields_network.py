"""Network modes, addresses and ports of nodes on real engines: as the engine has them, and as others see them."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Final

import anyio
import msgspec
import pytest

from clab_runtime import (
    InvalidValueError,
    MgmtNet,
    NodeConfig,
    NotFoundError,
    PortBinding,
    UnsupportedOperationError,
    labels,
)
from clab_runtime.runtime.docker_attachment import INTERFACE_NAME_SINCE
from tests.contract.differences import Differs, usually
from tests.contract.lab import FOREVER, IMAGE, LIMIT, Lab
from tests.contract.looking import Facts, Record, all_up, facts, inside, inside_each, with_
from tests.engines import Engine, enter_command

pytestmark = pytest.mark.anyio

MAC: Final = "02:42:ac:1f:00:4d"

SERVE: Final = """sh -c 'for port in 80 8000 8001 8002; do nc -ll -p $port -e echo tcp $port & done; wait'"""
"""A node's command that says on each of its TCP ports which one that is."""

SERVE_UDP: Final = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind(("0.0.0.0", 53))
    while True:
        server.sendto(b"udp 53", server.recvfrom(100)[1])
"""
"""The same for a UDP port, which busybox has nothing for."""

ASK: Final = """
import socket, sys, time
kind = socket.SOCK_DGRAM if sys.argv[1] == "udp" else socket.SOCK_STREAM
family = socket.AF_INET6 if ":" in sys.argv[2] else socket.AF_INET
while True:
    with socket.socket(family, kind) as peer:
        peer.settimeout(1)
        try:
            peer.connect((sys.argv[2], int(sys.argv[3])))
            peer.send(b"?")
            answer = peer.recv(100)
        except OSError:
            answer = b""
    if answer:
        sys.exit(print(answer.decode().strip()))
    time.sleep(0.05)
"""
"""Ask a port until it answers: the command behind it may just be coming up."""


@pytest.fixture
async def net(lab: Lab) -> MgmtNet:
    """The lab's management network, with IPv6."""
    lab.runtime.with_mgmt_net(msgspec.structs.replace(lab.runtime.mgmt, ipv6_subnet="auto"))
    await lab.runtime.create_net()
    return lab.runtime.mgmt


async def answer(engine: Engine, kind: str, address: str, port: int) -> str:
    """Ask a port of the host, as the engine's network namespace has it."""
    command = [*enter_command(engine), sys.executable, "-c", ASK, kind, address, str(port)]
    with anyio.fail_after(LIMIT):
        return (await anyio.run_process(command)).stdout.decode().strip()


@asynccontextmanager
async def udp_server(pid: int) -> AsyncGenerator[None]:
    """Serve a UDP port in the network namespace of a container's process."""
    command = ["nsenter", f"--target={pid}", "--net", "--", sys.executable, "-c", SERVE_UDP]
    async with await anyio.open_process(command, stdin=None, stdout=None, stderr=None) as server:
        try:
            yield
        finally:
            server.kill()


# ---------------------------------------------------------------- the management network


@pytest.mark.proves("mgmt-net", "mgmt-ipv4-address", "mgmt-ipv6-address", "mac-address", "aliases", "networkmode")
async def test_a_node_has_the_addresses_and_names_that_it_asks_for(lab: Lab, net: MgmtNet, differs: Differs) -> None:
    ipv4, ipv6 = ip_network(net.ipv4_subnet)[77], ip_network(net.ipv6_subnet)[0x77]
    node = with_(
        lab.node(network_mode=""),
        mgmt_net=lab.name,
        mgmt_ipv4_address=str(ipv4),
        mgmt_ipv6_address=str(ipv6),
        mac_address=MAC.upper(),
        aliases=["gateway", "r1.lab"],
    )
    plain = lab.node("r2", network_mode="")
    await all_up(lab, node, plain)
    found = await facts(lab, node)
    assert found["HostConfig"]["NetworkMode"] == usually(differs, "network mode as read back", lab.name)
    place = found["NetworkSettings"]["Networks"][lab.name]
    asked = {"IPv4Address": str(ipv4), "IPv6Address": str(ipv6)}
    assert place["IPAMConfig"] == usually(differs, "static addresses as read back", asked)
    assert (place["IPAddress"], place["GlobalIPv6Address"], place["MacAddress"]) == (str(ipv4), str(ipv6), MAC)
    assert {"gateway", "r1.lab"} <= set(place["Aliases"])
    seen = await inside(lab, node, "ip -o addr show eth0; ip link show eth0")
    assert f" {ipv4}/{ip_network(net.ipv4_subnet).prefixlen} " in seen
    assert f" {ipv6}/64 " in seen
    assert f"link/ether {MAC} " in seen
    pings = {name: f"ping -c 1 -W 5 {name}" for name in ("gateway", "r1.lab", node.long_name, str(ipv6))}
    for name, output in (await inside_each(lab, plain, pings)).items():
        assert "1 packets received" in output, name


@pytest.mark.proves("mgmt-intf")
async def test_the_interface_has_its_name_where_the_engine_can_give_it(
    lab: Lab, net: MgmtNet, differs: Differs, record_property: Record
) -> None:
    node = with_(lab.node(network_mode=""), mgmt_intf="mgmt0")
    info = await lab.client.info()
    if info.engine == "docker" and info.api_version < INTERFACE_NAME_SINCE:
        with pytest.raises(UnsupportedOperationError, match="mgmt-intf 'mgmt0'"):
            await lab.runtime.create_container(node)
        assert not await lab.names()
        record_property("cannot", "naming an interface needs API 1.48 (Docker 28)")
        return
    await lab.start(node)
    place = (await facts(lab, node))["NetworkSettings"]["Networks"][net.network]
    asked = {"com.docker.network.endpoint.ifname": "mgmt0"}
    assert place["DriverOpts"] == usually(differs, "interface as read back", asked)
    assert " mgmt0" in await inside(lab, node, "ip -o link")


# ---------------------------------------------------------------- other network modes


@pytest.mark.proves("networkmode")
async def test_a_node_has_no_network_or_the_hosts(lab: Lab) -> None:
    none, host = lab.node("none", network_mode="none"), lab.node("host", network_mode="host")
    await all_up(lab, none, host)
    assert (await facts(lab, none))["HostConfig"]["NetworkMode"] == "none"
    assert (await facts(lab, host))["HostConfig"]["NetworkMode"] == "host"
    assert (await inside(lab, none, "ls /sys/class/net")).split() == ["lo"]
    script = ["readlink", "/proc/self/ns/net"]
    engines_own = await anyio.run_process([*enter_command(lab.engine), *script])
    assert await inside(lab, host, " ".join(script)) == engines_own.stdout.decode().strip()


def shares(found: Facts, other: Facts, differs: Differs) -> bool:
    has_none = not found["NetworkSettings"]["Networks"] or differs("networks of a shared namespace") is not None
    return found["HostConfig"]["NetworkMode"] == f"container:{other['Id']}" and has_none


@pytest.mark.proves("networkmode")
async def test_a_node_shares_the_network_of_a_node_of_its_lab_rather_than_of_another_container(
    lab: Lab, differs: Differs
) -> None:
    name = f"{lab.name}-r2"
    by_label = with_(lab.node("anything", more_labels={labels.NODE_NAME: name}), hostname="shared")
    by_name, outside = lab.node("r3"), f"{lab.name}-r3"
    await lab.plain(FOREVER, name)
    await lab.plain(FOREVER, outside)
    await all_up(lab, by_label, by_name)
    sharing = {
        by_label.long_name: lab.node("s1", network_mode=f"container:{name}"),
        by_name.long_name: lab.node("s2", network_mode="container:r3"),
        outside: lab.node("s3", network_mode=f"container:{outside}"),
    }
    await all_up(lab, *sharing.values())
    for other, node in sharing.items():
        owner = with_(node, long_name=other)
        assert shares(await facts(lab, node), await facts(lab, owner), differs)
        script = "readlink /proc/self/ns/net; hostname"
        assert await inside(lab, node, script) == await inside(lab, owner, script)


@pytest.mark.proves("networkmode", "pidmode")
async def test_a_container_outside_is_known_by_its_id_but_not_by_a_few_characters_of_it(lab: Lab) -> None:
    other = await lab.plain("sleep 100000")
    known = (await lab.client.containers.inspect(other)).id
    for number, name in enumerate((known, known[:12])):
        node = with_(lab.node(f"r{number}"), network_mode=f"container:{name}", pid_mode=f"container:{name}")
        await lab.start(node)
        assert (await facts(lab, node))["HostConfig"]["PidMode"] == f"container:{known}"
        assert "sleep 100000" in await inside(lab, node, "tr '\\0' ' ' < /proc/1/cmdline")
    with pytest.raises(NotFoundError, match=known[:4]):
        await lab.runtime.create_container(lab.node("r9", network_mode=f"container:{known[:4]}"))


@pytest.mark.parametrize("field", ["network_mode", "pid_mode"])
async def test_a_container_that_is_not_there_is_not_found_and_nothing_is_made(lab: Lab, field: str) -> None:
    with pytest.raises(NotFoundError, match=f"no node 'nobody' in the lab '{lab.name}', and no container 'nobody'"):
        await lab.runtime.create_container(with_(lab.node(), **{field: "container:nobody"}))
    with pytest.raises(NotFoundError, match="there is no container 'nobody'"):
        await lab.runtime.create_container(
            with_(NodeConfig(long_name="r1", image=IMAGE), **{field: "container:nobody"})
        )
    assert not await lab.names()


async def test_a_hostile_name_of_a_container_is_refused_before_any_request(lab: Lab) -> None:
    for name in ("", " ", "../images/busybox", "a?force=1", "a/b", "a\r\nb", "%2e%2e", "..", "a:b", "ü", "\0"):
        for field, word in {"network_mode": "networkmode", "pid_mode": "pidmode"}.items():
            with pytest.raises(InvalidValueError) as raised:
                await lab.runtime.create_container(with_(lab.node(), **{field: f"container:{name}"}))
            assert raised.value.field == word


# ---------------------------------------------------------------- ports


@pytest.mark.proves("portbindings", "portset")
async def test_published_ports_answer_on_the_host_and_exposed_ones_are_only_said(
    lab: Lab, net: MgmtNet, differs: Differs
) -> None:
    published = {
        "8000-8002/tcp": [PortBinding("127.0.0.1", "18000-18002")],
        "53/udp": [PortBinding("127.0.0.1", "15353")],
        "80": [PortBinding("::1", "18080"), PortBinding("127.0.0.1", ""), PortBinding("", "18081")],
    }
    exposed: dict[str, dict[str, object]] = {"9000/tcp": {}, "9001-9002/udp": {}}
    node = with_(lab.node(cmd=SERVE, network_mode=net.network), port_bindings=published, port_set=exposed)
    if differs("published at ::1"):
        with pytest.raises(UnsupportedOperationError, match="portbindings to ::1, unless it is rootless"):
            await lab.runtime.create_container(node)
        assert not await lab.names()
        node = with_(node, port_bindings={**published, "80": published["80"][1:]})
    await lab.start(node)
    ipv6 = "::1" if differs("bridges on the host") else lab.runtime.mgmt.ipv6_gw
    found = await facts(lab, node)
    ports = found["NetworkSettings"]["Ports"]
    bound = {port: {place["HostIp"]: place["HostPort"] for place in places or ()} for port, places in ports.items()}
    chosen = int(bound["80/tcp"]["127.0.0.1"])
    on_loopback = {} if differs("published at ::1") else {"::1": "18080"}
    everywhere = usually(differs, "all addresses as read back", {"0.0.0.0": "18081", "::": "18081"})
    assert bound == {
        **{f"{port}/tcp": {"127.0.0.1": f"1{port}"} for port in range(8000, 8003)},
        "53/udp": {"127.0.0.1": "15353"},
        "80/tcp": {"127.0.0.1": str(chosen), **on_loopback} | everywhere,
        "9000/tcp": {},
        "9001/udp": {},
        "9002/udp": {},
    }
    assert set(found["Config"]["ExposedPorts"]) == set(bound)
    answers: dict[tuple[str, int], str] = {}

    async def ask(kind: str, address: str, port: int) -> None:
        answers[address, port] = await answer(lab.engine, kind, address, port)

    async with udp_server(found["State"]["Pid"]), anyio.create_task_group() as tasks:
        for port in (18000, 18002, chosen, 18081):
            tasks.start_soon(ask, "tcp", "127.0.0.1", port)
        for address, port in [*((address, 18080) for address in on_loopback), (ipv6, 18081)]:
            tasks.start_soon(ask, "tcp", address, port)
        tasks.start_soon(ask, "udp", "127.0.0.1", 15353)
    expected = {18000: "tcp 8000", 18002: "tcp 8002", 15353: "udp 53", chosen: "tcp 80", 18081: "tcp 80"}
    by_ipv6 = {(address, 18080): "tcp 80" for address in on_loopback} | {(ipv6, 18081): "tcp 80"}
    assert answers == {("127.0.0.1", port): text for port, text in expected.items()} | by_ipv6


@pytest.mark.proves("portbindings")
async def test_sctp_is_asked_for_as_it_is_written(lab: Lab, net: MgmtNet, record_property: Record) -> None:
    node = lab.node(network_mode="")
    node = with_(node, mgmt_net=net.network, port_bindings={"3868/sctp": [PortBinding("127.0.0.1", "13868")]})
    await lab.runtime.create_container(node)
    asked = (await facts(lab, node))["HostConfig"]["PortBindings"]
    assert asked == {"3868/sctp": [{"HostIp": "127.0.0.1", "HostPort": "13868"}]}
    record_property("note", "sctp is read back from the engine alone: few kernels have it")
