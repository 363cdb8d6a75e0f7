"""Nodes that can't be, field by field: for create_container, and start_container where engines look only then."""

from collections.abc import Iterator, Mapping

from msgspec.structs import fields

from clab_runtime import DNSConfig, HealthcheckConfig, NodeConfig, PortBinding
from tests.hostile.cases import BEFORE, EITHER, ENGINE, CallWith, Case, Group, Values

LONG = "x" * 10_000
HUGE = 10**30
DIGIT = "\u0663"
"""A three for `\\d` and for int(), but for no engine."""

_EVIL_LINE = "a\r\nX-Evil: 1"
_TRUE = ("CMD", "true")
_SIZES = ("-1", "1 lightyear", "0x10", "1e9", "nan", "inf", "9" * 5000, "1,5g", "0.1b", "1k1k", f"{DIGIT}mb", "mb", " ")
_PORTS = ("", "0", "65536/tcp", "80/icmp", "90-80", "-1", "80/tcp/udp", "x", "80/", f"8{DIGIT}", LONG)

# fmt: off
MALFORMED: Values = {
    "long_name": [
        "", " ", "a", "-x", ".x", "a/b", "../x", "a b", _EVIL_LINE, "a%2e%2e", "n\u00f6de", "x?y", "x" * 256, LONG,
    ],
    "hostname": ["a b", "a\nb", "x" * 65, "\u00e9" * 40, LONG],
    "image": [
        "", " ", "upper/CASE", "alpine:", "alpine:a b", "alpine:" + "x" * 129, "alpine@sha256:12", "alpine@", "../etc",
        "http://x/y", "x" * 300, _EVIL_LINE, "%2e%2e", ":5000/x", "a//b", "-a", "b\u00fcsybox", f"alpine:{DIGIT}",
    ],
    "image_pull_policy": ["", "sometimes", "alwaysnever"],
    "sysctls": [{"": "1"}, {"a b": "1"}, {"net.ipv4.ip_forward\n": "1"}, {"net;reboot": "1"}],
    "entrypoint": ["'unclosed", '"', "ends with \\"],
    "cmd": ["'unclosed", '"', "ends with \\"],
    "env": [{"": "x"}, {"A=B": "x"}],
    "binds": [
        [""], [":"], ["a:b:c:d"], ["relative:/x"], ["../x:/y"], ["/a:b"], ["/a:/"], ["/a:/b:bogus"], ["/a:/b:ro,rw"],
        ["/a:/b:"], ["/a:/b", "/c:/b"], ["/a:/b", "/c:/b/"], ["/a:/b:ro,,z"], [LONG],
    ],
    "volumes": [
        [""], ["x:/a"], ["-x:/a"], ["name:relative"], ["name:/a:bogus"], ["name:/a:ro,rw"], ["/host:/x"], [":/a"],
        ["a b:/x"], ["n\u00e9e:/x"], ["../x:/y"], ["vol:/"], ["x" * 300 + ":/a"],
    ],
    "devices": [
        [""], ["dev/x"], ["/dev/x:relative"], ["/dev/x:/dev/y:q"], ["/dev/x:/dev/y:rr"], ["/"], ["/dev/x:/dev/y:rw:z"],
    ],
    "cap_add": [[""], ["NET ADMIN"], ["NET-ADMIN"], ["NET_ADMIN,SYS_ADMIN"], ["NET_ADMIN\n"], ["\u0130PC_LOCK"]],
    "cgroupns_mode": ["public", "PRIVATE", "container:x", " "],
    "cgroup_parent": [" ", "../../escape", "a/../../b", "a b", "a\nb"],
    "pid_mode": ["private", "HOST", "container:", "container: ", "container:a b", ":", "host:x"],
    "tmpfs": [{"": ""}, {"relative": ""}, {"/": ""}, {"//": ""}],
    "security_opts": [[""], [" "], ["bogus"], ["seccomp={"], ["no-new-privileges:maybe"]],
    "shm_size": _SIZES,
    "memory": _SIZES,
    "port_bindings": [
        *({key: []} for key in _PORTS),
        *({"80": [PortBinding(host_ip=ip)]} for ip in ("localhost", "1.2.3.4/24", "::1%lo", "1.2.3", " ", "1.2.3.4\n")),
        *({"80": [PortBinding(host_port=port)]} for port in ("x", "-1", "65536", "80-", "90-80", " 80", f"8{DIGIT}")),
        {"80-82": [PortBinding(host_port="90-91")]},
    ],
    "port_set": [{key: {}} for key in _PORTS],
    "network_mode": ["bogus", "HOST", "none ", "container", "container:", "container: ", "host:x", "../x", LONG],
    "mgmt_net": ["another", " ", "a/b"],
    "mgmt_intf": ["x" * 16, "a/b", "a b", "..", "a:b", " ", "a\n"],
    "mgmt_ipv4_address": [
        "1.2.3", "172.31.250.9/24", "::1", "999.1.1.1", "172.31.250.9 ", "10.9.9.9", "0x7f.1", "127.1", "172.31.250.09",
        f"172.31.250.{DIGIT}", "172.31.250.9\n", "auto", LONG, "172.31.250.1",
    ],
    "mgmt_ipv6_address": [
        "fe80::1%eth0", "1.2.3.4", ":::", "12345::", "3fff:172::9/64", "4000::1", "auto", "3fff:172:31:250::1",
    ],
    "mac_address": [
        "02:42", "zz:42:ac:14:14:02", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "02-42:ac:14:14:02", "0242ac141402",
        "02:42:ac:14:14:02:02", "02:42:ac:14:14:02\n", "00:00:00:00:00:00", f"0{DIGIT}:42:ac:14:14:02",
    ],
    "healthcheck": [
        *(HealthcheckConfig(test=test) for test in (["BOGUS"], ["CMD"], ["CMD-SHELL"], ["CMD-SHELL", "a", "b"])),
        *(HealthcheckConfig(test=test) for test in (["NONE", "x"], [""], ["cmd", "true"])),
        *(HealthcheckConfig(test=_TRUE, interval=seconds) for seconds in (-1, HUGE)),
        *(HealthcheckConfig(test=_TRUE, timeout=seconds) for seconds in (-1, HUGE)),
        *(HealthcheckConfig(test=_TRUE, retries=number) for number in (-1, HUGE)),
        *(HealthcheckConfig(test=_TRUE, start_period=seconds) for seconds in (-1, HUGE)),
    ],
    "aliases": [[""], [" "], ["a b"], ["a\nb"]],
    "extra_hosts": [
        [""], ["x"], ["x:"], [":1.2.3.4"], ["x:bogus"], ["a b:1.2.3.4"], ["x:1.2.3.4\n5.6.7.8 bank"], ["x:1.2.3.4:5"],
    ],
    "labels": [{"": "x"}, {" ": "x"}],
    "runtime": ["another", "DOCKER", " ", "../x"],
    "cpu": [-1, -0.5, float("nan"), float("inf"), float("-inf"), 0.001, 1e308, 10**400],
    "cpuset": ["x", "1-", "3-1", ",", "-1", "0,,1", "0 1", "0;1", DIGIT],
    "dns": [
        *(DNSConfig(servers=[server]) for server in ("", "x", "1.1.1.1:53", "1.1.1", "1.1.1.1\nnameserver 6.6.6.6")),
        *(DNSConfig(search=[domain]) for domain in ("", "a b", "a\nb")),
        *(DNSConfig(options=[option]) for option in ("", "a b", "ndots:1\nnameserver 6.6.6.6")),
    ],
    "restart_policy": [
        "bogus", "ALWAYS", " always", "always:3", "no:1", "on-failure:x", "on-failure:-1", "on-failure:" + "9" * 30,
    ],
}
"""Refused before any request."""

REFUSED: Values = {
    "image": ["nosuch/image:1", "busybox:nosuch", "f" * 64, "sha256:" + "0" * 64, "127.0.0.1:1/x@sha256:" + "0" * 64],
    "user": ["nosuchuser", "root:nosuchgroup", "99999999999"],
    "entrypoint": ["/nosuch/program", "/etc/passwd"],
    "cmd": ["../../bin/nosuch"],
    "sysctls": [{"kernel.nosuch": "1"}, {"net.ipv4.ip_forward": "maybe"}],
    "binds": [["/dev/null/x:/b"]],
    "devices": [["/dev/nosuch"]],
    "cap_add": [["BOGUS"], ["CAP_"]],
    "security_opts": [["seccomp=/nosuch.json"]],
    "cpuset": ["4096", "0-99999", "9" * 30],
}
"""Well formed, as far as anybody but the engine can tell."""

REFUSED_BY_EITHER: Values = {
    "user": ["a:b:c"],
    "sysctls": [{"../../etc/passwd": "1"}],
    "tmpfs": [{"/x": "nosuchoption"}, {"/x": "size=bogus"}],
    "memory": ["1k"],
    "pid_mode": ["container:nosuch", "container:../x"],
    "network_mode": ["container:nosuch", "container:../x", "container:a b", f"container:{_EVIL_LINE}"],
}
"""Engines know these rules, and so may we; whose the container is they may be asked first."""

REFUSED_ON_THE_NETWORK: Values = {
    "port_bindings": [{"80": [PortBinding(host_ip="203.0.113.7")]}],
}
"""The same, for a container with a place on the management network."""
# fmt: on

_WORDS = {field.name: field.encode_name for field in fields(NodeConfig)}
_NAMED: Mapping[str, str] = {"binds": "bind", "volumes": "volume"}
"""How errors call what is one of many."""
_OF_A_PLACE = {"mgmt_net", "mgmt_intf", "mgmt_ipv4_address", "mgmt_ipv6_address", "mac_address"} | {
    "aliases", "port_bindings", "network_mode",
}  # fmt: skip
"""What needs a place on the management network; without one a container is made faster."""


def node_cases() -> Iterator[Case]:
    """Make a case of every value."""
    for name, values in MALFORMED.items():
        field = _NAMED.get(name) or _WORDS[name]
        yield from Group(f"create_container {name}", _creating(name), BEFORE, field, values).cases()
    for name, values in REFUSED.items():
        yield from Group(f"start_container {name}", _starting(name, "none"), ENGINE, "", values).cases()
    for name, values in REFUSED_BY_EITHER.items():
        yield from Group(f"start_container {name}", _starting(name, "none"), EITHER, "", values).cases()
    for name, values in REFUSED_ON_THE_NETWORK.items():
        yield from Group(f"start_container {name}", _starting(name, ""), ENGINE, "", values).cases()


def _creating(name: str) -> CallWith:
    mode = "" if name in _OF_A_PLACE else "none"
    return lambda at, value: at.create(**{"network_mode": mode, name: value})


def _starting(name: str, mode: str) -> CallWith:
    return lambda at, value: at.up(**{"network_mode": mode, name: value})
