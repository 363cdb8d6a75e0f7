"""Fields of a node on real engines: read back from the engine, and from inside the container where they show.

Here are those about what runs and what it may do; networks, mounts and the container's life have files of their own.
"""

import re
from collections.abc import Mapping
from typing import Final

import anyio
import pytest

from clab_runtime import DNSConfig, EndpointlessNode, EngineError, NodeConfig, UnsupportedOperationError, labels
from clab_runtime.runtime.settings import nofile_limit
from tests.contract.differences import Differs, usually
from tests.contract.lab import Lab
from tests.contract.looking import Record, all_up, facts, inside, inside_each, of_podman, with_

pytestmark = pytest.mark.anyio

MEBIBYTE: Final = 1024**2
NET_ADMIN: Final = 12
"""The capability's number."""
ORDINARY: Final = 0xA80425FB
"""The capabilities that a container has on Docker."""


# ---------------------------------------------------------------- what runs, as whom, with what


@pytest.mark.proves(
    "shortname", "longname", "image", "hostname", "user", "entrypoint", "cmd", "env", "labels", "extra-hosts"
)
async def test_a_node_runs_what_it_is_to_run_as_whom_it_is_to_be(lab: Lab, differs: Differs) -> None:
    node = with_(
        lab.node(cmd="-c 'sleep 100000; echo \"a b\"'", more_labels={"odd": 'a=b "c"'}),
        hostname="router",
        user="1000:1001",
        entrypoint="/bin/sh",
        env={"A": "1=2", "EMPTY": "", "LINES": "a\nb"},
        extra_hosts=["peer:10.1.2.3", "six:[fd00::9]"],
    )
    plain = lab.node("r2")
    await all_up(lab, node, plain)
    found = await facts(lab, node)
    config = found["Config"]
    assert found["Name"] == f"/{node.long_name}"
    assert config["Image"] == usually(differs, "image as read back", "busybox")
    assert (config["Hostname"], config["User"]) == ("router", "1000:1001")
    assert (config["Entrypoint"], config["Cmd"]) == (["/bin/sh"], ["-c", 'sleep 100000; echo "a b"'])
    assert {"A=1=2", "EMPTY=", "LINES=a\nb"} <= set(config["Env"])
    assert config["Labels"] == node.labels
    assert found["HostConfig"]["ExtraHosts"] == ["peer:10.1.2.3", "six:fd00::9"]
    seen = await inside_each(
        lab,
        node,
        {
            "hostname": "hostname",
            "user": "grep -E '^[UG]id' /proc/1/status",
            "rights": "grep CapEff /proc/1/status",
            "argv": "tr '\\0' '|' < /proc/1/cmdline",
            "env": 'printf %s, "$A" "$EMPTY" "$LINES"',
            "hosts": "cat /etc/hosts",
        },
    )
    assert seen["hostname"] == "router"
    assert seen["user"].split() == ["Uid:", *["1000"] * 4, "Gid:", *["1001"] * 4]
    assert seen["rights"].split() == ["CapEff:", "0" * 16]
    assert seen["argv"] == '/bin/sh|-c|sleep 100000; echo "a b"|'
    assert seen["env"] == "1=2,,a\nb,"
    assert re.search(r"^10\.1\.2\.3\s+peer$", seen["hosts"], re.MULTILINE)
    assert re.search(r"^fd00::9\s+six$", seen["hosts"], re.MULTILINE)
    assert await inside(lab, plain, "hostname") == "r2"


# ---------------------------------------------------------------- limits


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("cpu", "cpuset", "memory", "shm-size", "cgroup-parent")
async def test_a_node_gets_what_it_may_use_and_no_more(lab: Lab, differs: Differs) -> None:
    node = with_(lab.node(), cpu=0.5, cpuset="0", memory="64mib", shm_size="16mib", cgroup_parent=f"/{lab.name}")
    await lab.start(node)
    found = await facts(lab, node)
    host = found["HostConfig"]
    assert (host["CpuQuota"], host["CpuPeriod"], host["CpusetCpus"]) == (50_000, 100_000, "0")
    assert (host["Memory"], host["ShmSize"]) == (64 * MEBIBYTE, 16 * MEBIBYTE)
    assert host["CgroupParent"] == f"/{lab.name}"
    groups = "/sys/fs/cgroup"
    seen = await inside_each(
        lab,
        node,
        {
            "cpu": f"cat {groups}/cpu/cpu.cfs_quota_us {groups}/cpu.max 2>/dev/null || true",
            "cpuset": "grep Cpus_allowed_list /proc/1/status",
            "memory": f"cat {groups}/memory/memory.limit_in_bytes {groups}/memory.max 2>/dev/null || true",
            "shm": "df -k /dev/shm | tail -n 1",
            "files": "grep 'open files' /proc/1/limits",
            "processes": f"cat {groups}/pids/pids.max {groups}/pids.max 2>/dev/null || true",
        },
    )
    assert seen["cpu"].split()[0] == "50000"
    assert seen["cpuset"].split() == ["Cpus_allowed_list:", "0"]
    assert seen["memory"] == str(64 * MEBIBYTE)
    assert seen["shm"].split()[1] == str(16 * 1024)
    assert seen["processes"] == "max"
    assert seen["files"].split()[3:5] == [str(nofile_limit())] * 2
    groups_outside = await anyio.Path(f"/proc/{found['State']['Pid']}/cgroup").read_text()
    assert f"/{lab.name}/{usually(differs, 'cgroup', '')}{found['Id']}" in groups_outside


# ---------------------------------------------------------------- rights and namespaces


@pytest.mark.proves("cap-add", "sysctls", "security-opts", "devices")
async def test_a_node_has_the_rights_and_settings_that_it_asks_for(lab: Lab, differs: Differs) -> None:
    node = with_(
        lab.node(),
        cap_add=["NET_ADMIN"],
        sysctls={"net.ipv4.ip_unprivileged_port_start": "1000", "net.ipv4.conf.all.forwarding": "0"},
        security_opts=["no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"],
        devices=[f"/dev/null:/dev/nothing:{usually(differs, 'device permissions', 'rw')}"],
    )
    plain = lab.node("plain")
    await all_up(lab, node, plain)
    host = (await facts(lab, node))["HostConfig"]
    added = sorted(name.removeprefix("CAP_") for name in host["CapAdd"])
    assert added == usually(differs, "capabilities as read back", ["NET_ADMIN"])
    assert host.get("Sysctls") == usually(differs, "sysctls as read back", node.sysctls)
    shown = usually(differs, "security options as read back", ["no-new-privileges", "seccomp=unconfined"])
    assert host["SecurityOpt"] == shown
    assert [host["MaskedPaths"], host["ReadonlyPaths"]] == usually(differs, "hidden paths as read back", [[], []])
    permissions = usually(differs, "device permissions as read back", "rw")
    device = {"PathOnHost": "/dev/null", "PathInContainer": "/dev/nothing", "CgroupPermissions": permissions}
    assert host["Devices"] == usually(differs, "devices as read back", [device])
    scripts = {
        "status": "cat /proc/self/status",
        "port": "cat /proc/sys/net/ipv4/ip_unprivileged_port_start",
        "forwarding": "cat /proc/sys/net/ipv4/conf/all/forwarding",
        "mounts": "cat /proc/mounts",
        "device": "ls -l /dev/nothing; echo gone > /dev/nothing; stat -c %t,%T /dev/nothing",
    }
    seen = await inside_each(lab, node, scripts)
    ordinary = await inside_each(lab, plain, {"status": scripts["status"], "mounts": scripts["mounts"]})
    assert status(seen, "CapEff") & 1 << NET_ADMIN
    assert status(ordinary, "CapEff") == status(ordinary, "CapBnd") == ORDINARY
    assert (status(seen, "NoNewPrivs"), status(seen, "Seccomp")) == (1, 0)
    assert (status(ordinary, "NoNewPrivs"), status(ordinary, "Seccomp")) == (0, 2)
    assert (seen["port"], seen["forwarding"]) == ("1000", "0")
    assert " /proc/sys " not in seen["mounts"]
    assert " /proc/sys " in ordinary["mounts"]
    assert seen["device"].startswith("crw")
    assert seen["device"].endswith("\n1,3")


@pytest.mark.proves("dns")
async def test_a_node_asks_the_name_servers_that_it_is_given(lab: Lab, differs: Differs) -> None:
    dns = DNSConfig(servers=["192.0.2.53", "2001:db8::53"], search=["lab.example"], options=["ndots:3"])
    nodes = [with_(lab.node(mode, network_mode=mode), dns=dns) for mode in ("none", "host")]
    if differs("name servers without a network"):
        without = nodes.pop(0)
        with pytest.raises(UnsupportedOperationError, match="dns with networkmode 'none'"):
            await lab.runtime.create_container(without)
        assert not await lab.names()
    await all_up(lab, *nodes)
    for node in nodes:
        host = (await facts(lab, node))["HostConfig"]
        assert (host["Dns"], host["DnsSearch"]) == (["192.0.2.53", "2001:db8::53"], ["lab.example"])
        assert host["DnsOptions"] == ["ndots:3"]
        lines = (await inside(lab, node, "cat /etc/resolv.conf")).splitlines()
        expected = {"nameserver 192.0.2.53", "nameserver 2001:db8::53", "search lab.example", "options ndots:3"}
        assert expected <= set(lines)


def status(seen: Mapping[str, str], word: str) -> int:
    """Read a number of /proc/self/status; masks are hexadecimal, and the others have one digit."""
    (value,) = re.findall(rf"^{word}:\s+([0-9a-f]+)$", seen["status"], re.MULTILINE)
    return int(value, 16)


@pytest.mark.proves("privileged")
async def test_a_privileged_node_may_do_everything(lab: Lab, record_property: Record) -> None:
    node = with_(lab.node(), privileged=True)
    await lab.runtime.create_container(node)
    assert (await facts(lab, node))["HostConfig"]["Privileged"] is True
    if await refuses_to_start(lab, node, "unable to apply caps"):
        # The runc of Docker 20.10 asks for every capability there is, of which a sandbox may lack one.
        record_property("note", "read back from the engine alone, where the tests' sandbox lacks a right to start it")
        return
    seen = await inside_each(
        lab, node, {"status": "cat /proc/self/status", "mounts": "cat /proc/mounts", "devices": "ls /dev"}
    )
    assert status(seen, "CapEff") == status(seen, "CapBnd")
    assert status(seen, "Seccomp") == 0
    assert " /proc/sys " not in seen["mounts"]
    assert "loop-control" in seen["devices"].split()


async def refuses_to_start(lab: Lab, node: NodeConfig, message: str) -> bool:
    """Start a container, and tell whether the engine refused it with that message."""
    try:
        await lab.runtime.start_container(node.long_name, EndpointlessNode(node))
    except EngineError as error:
        if message not in error.message:
            raise
        return True
    return False


@pytest.mark.proves("pidmode")
@pytest.mark.parametrize("by_label", [True, False], ids=["by label", "by name"])
async def test_a_node_sees_the_processes_of_the_host_or_of_another_node(lab: Lab, *, by_label: bool) -> None:
    other = lab.node("r2", cmd="sleep 4321", more_labels={labels.NODE_NAME: "r2"} if by_label else None)
    await lab.start(other)
    host, sharing = with_(lab.node("host"), pid_mode="host"), with_(lab.node("sharing"), pid_mode="container:r2")
    await all_up(lab, host, sharing)
    assert (await facts(lab, host))["HostConfig"]["PidMode"] == "host"
    assert (await facts(lab, sharing))["HostConfig"]["PidMode"] == f"container:{(await facts(lab, other))['Id']}"
    assert await inside(lab, sharing, "tr '\\0' ' ' < /proc/1/cmdline") == "sleep 4321"
    seen_as = (await facts(lab, other))["State"]["Pid"]
    assert await inside(lab, host, f"tr '\\0' ' ' < /proc/{seen_as}/cmdline") == "sleep 4321"


@pytest.mark.rooted  # see test_rights
@pytest.mark.proves("cgroupns-mode")
async def test_a_node_has_a_cgroup_namespace_of_its_own_or_the_hosts(lab: Lab, differs: Differs) -> None:
    nodes = {mode: with_(lab.node(mode), cgroupns_mode=mode) for mode in ("private", "host")}
    await all_up(lab, *nodes.values())
    for mode, node in nodes.items():
        found = await facts(lab, node)
        told = (await of_podman(lab, node))["HostConfig"]["CgroupMode"] if differs("cgroup namespace") else ""
        assert (told or found["HostConfig"]["CgroupnsMode"]) == mode
        assert (found["Id"] in await inside(lab, node, "cat /proc/1/cgroup")) is (mode == "host")
