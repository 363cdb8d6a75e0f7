"""Nodes that can't be, field by field: for create_container, and for start_container where the engine looks only then."""

from collections.abc import Iterator
from typing import Any

from clab_runtime import DNSConfig, HealthcheckConfig, PortBinding
from tests.hostile.cases import BEFORE, EITHER, ENGINE, Case, Values, each, shown

LONG = "x" * 10_000
HUGE = 10**30
DIGITS = "\u0663"
"""A digit three for `\\d` and for int(), but for no engine."""

MALFORMED: Values = {
    "long_name": [
        "",
        " ",
        "a",
        "-x",
        ".x",
        "a/b",
        "../x",
        "a b",
        "a\r\nX-Evil: 1",
        "a%2e%2e",
        "n\u00f6de",
        "x?y",
        LONG,
    ],
    "hostname": ["a b", "a\nb", "x" * 65, "\u00e9" * 40, LONG],
    "image": [
        "",
        " ",
        "UPPER/case",
        "alpine:",
        "alpine:a b",
        "alpine:" + "x" * 129,
        "alpine@sha256:12",
        "alpine@",
        "../etc",
    ]
    + [
        "http://x/y",
        "x" * 300,
        "a\r\nHost: evil",
        "%2e%2e",
        ":5000/x",
        "a//b",
        "-a",
        "b\u00fcsybox",
        f"alpine:{DIGITS}",
    ],
    "image_pull_policy": ["", "sometimes", "alwaysnever", 5, None, ["Always"]],
    "sysctls": [{"": "1"}, {"a b": "1"}, {"net.ipv4.ip_forward\n": "1"}, {"net;reboot": "1"}],
    "entrypoint": ["'unclosed", '"', "ends with \\"],
    "cmd": ["'unclosed", '"', "ends with \\"],
    "env": [{"": "x"}, {"A=B": "x"}],
    "binds": [
        [""],
        [":"],
        ["a:b:c:d"],
        ["relative:/x"],
        ["../x:/y"],
        ["/a:b"],
        ["/a:/"],
        ["/a:/b:bogus"],
        ["/a:/b:ro,rw"],
    ]
    + [["/a:/b:"], ["/a:/b", "/c:/b"], ["/a:/b", "/c:/b/"], ["/a:/b:ro,,z"], [LONG]],
    "volumes": [
        [""],
        ["x:/a"],
        ["-x:/a"],
        ["name:relative"],
        ["name:/a:bogus"],
        ["name:/a:ro,rw"],
        ["/host:/x"],
        [":/a"],
    ]
    + [["a b:/x"], ["n\u00e9e:/x"], ["../x:/y"], ["vol:/"], ["v1:/a", "v2:/a"], ["x" * 300 + ":/a"]],
    "devices": [
        [""],
        ["dev/x"],
        ["/dev/x:relative"],
        ["/dev/x:/dev/y:q"],
        ["/dev/x:/dev/y:rr"],
        ["/"],
        ["/dev/x:/dev/y:rw:z"],
    ],
    "cap_add": [[""], ["NET ADMIN"], ["NET-ADMIN"], ["NET_ADMIN,SYS_ADMIN"], ["NET_ADMIN\n"], ["\u0130PC_LOCK"]],
    "cgroupns_mode": ["public", "PRIVATE", "container:x", " "],
    "cgroup_parent": [" ", "../../escape", "a/../../b", "a b", "a\nb"],
    "pid_mode": ["private", "HOST", "container:", "container: ", "container:a b", ":", "host:x"],
    "tmpfs": [{"": ""}, {"relative": ""}, {"/": ""}, {"//": ""}],
    "security_opts": [[""], [" "]],
    "shm_size": [
        "-1",
        "1 lightyear",
        "0x10",
        "1e9",
        "nan",
        "inf",
        "9" * 30,
        "1,5g",
        "0.1b",
        "1k1k",
        f"{DIGITS}mb",
        "mb",
    ],
    "memory": [
        "-1",
        "1 lightyear",
        "0x10",
        "1e9",
        "nan",
        "inf",
        "9" * 5000,
        "1,5g",
        "0.1b",
        "1k1k",
        f"{DIGITS}mb",
        "mb",
    ],
    "port_bindings": [
        *(
            {key: []}
            for key in ("", "0", "65536/tcp", "80/icmp", "90-80", "-1", "80/tcp/udp", "x", "80/", f"8{DIGITS}", LONG)
        ),
        *({"80": [PortBinding(host_ip=ip)]} for ip in ("localhost", "1.2.3.4/24", "::1%lo", "1.2.3", " ", "1.2.3.4\n")),
        *({"80": [PortBinding(host_port=port)]} for port in ("x", "-1", "65536", "80-", "90-80", " 80", f"8{DIGITS}")),
        {"80-82": [PortBinding(host_port="90-91")]},
    ],
    "port_set": [{"": {}}, {"0": {}}, {"70000": {}}, {"80/icmp": {}}, {"90-80": {}}, {"x": {}}],
    "network_mode": ["bogus", "HOST", "none ", "container", "container:", "container: ", "host:x", "../x", LONG],
    "mgmt_net": ["another", " ", "a/b"],
    "mgmt_intf": ["x" * 16, "a/b", "a b", "..", "a:b", " ", "a\n"],
    "mgmt_ipv4_address": [
        "1.2.3",
        "172.31.250.9/24",
        "::1",
        "999.1.1.1",
        "172.31.250.9 ",
        "10.9.9.9",
        "0x7f.1",
        "127.1",
    ]
    + ["172.31.250.09", f"172.31.250.{DIGITS}", "172.31.250.9\n", "auto", LONG],
    "mgmt_ipv6_address": ["fe80::1%eth0", "1.2.3.4", ":::", "12345::", "3fff:31::9/64", "4000::1", "auto"],
    "mac_address": [
        "02:42",
        "zz:42:ac:14:14:02",
        "01:00:5e:00:00:01",
        "ff:ff:ff:ff:ff:ff",
        "02-42:ac:14:14:02",
        "0242ac141402",
    ]
    + ["02:42:ac:14:14:02:02", "02:42:ac:14:14:02\n", "00:00:00:00:00:00", f"0{DIGITS}:42:ac:14:14:02"],
    "healthcheck": [
        *(
            HealthcheckConfig(test=test)
            for test in (["BOGUS"], ["CMD"], ["CMD-SHELL"], ["CMD-SHELL", "a", "b"], ["NONE", "x"], [""])
        ),
        *(HealthcheckConfig(test=["CMD", "true"], interval=seconds) for seconds in (-1, HUGE)),
        *(HealthcheckConfig(test=["CMD", "true"], timeout=seconds) for seconds in (-1, HUGE)),
        *(HealthcheckConfig(test=["CMD", "true"], retries=number) for number in (-1, HUGE)),
        *(HealthcheckConfig(test=["CMD", "true"], start_period=seconds) for seconds in (-1, HUGE)),
    ],
    "aliases": [[""], [" "], ["a b"], ["a\nb"]],
    "extra_hosts": [
        [""],
        ["x"],
        ["x:"],
        [":1.2.3.4"],
        ["x:bogus"],
        ["a b:1.2.3.4"],
        ["x:1.2.3.4\n5.6.7.8 bank"],
        ["x:1.2.3.4:5"],
    ],
    "labels": [{"": "x"}, {" ": "x"}],
    "runtime": ["podmann", "DOCKER", " ", "../x"],
    "cpu": [-1, -0.5, float("nan"), float("inf"), float("-inf"), 0.001, 1e308, 10**400],
    "cpuset": ["x", "1-", "3-1", ",", "-1", "0,,1", "0 1", "0;1", f"{DIGITS}"],
    "dns": [
        *(DNSConfig(servers=[server]) for server in ("", "x", "1.1.1.1:53", "1.1.1", "1.1.1.1\nnameserver 6.6.6.6")),
        *(DNSConfig(search=[domain]) for domain in ("", "a b", "a\nb")),
        *(DNSConfig(options=[option]) for option in ("", "a b", "ndots:1\nnameserver 6.6.6.6")),
    ],
    "restart_policy": [
        "sometimes",
        "ALWAYS",
        "always:3",
        "no:1",
        "on-failure:x",
        "on-failure:-1",
        f"on-failure:{HUGE}",
        " ",
    ],
    "startup_delay": [-1],
}
"""Refused before any request."""

REFUSED: Values = {
    "image": ["nosuch/image:1", "busybox:nosuch", "f" * 64, "sha256:" + "0" * 64, "127.0.0.1:1/x@sha256:" + "0" * 64],
    "user": ["nosuchuser", "root:nosuchgroup", "99999999999", "-1:-1", "a:b:c", "0;id"],
    "entrypoint": ["/nosuch/program", "/etc/passwd", "nosuchprogram"],
    "cmd": ["/nosuch/program", "/etc/passwd", "../../bin/nosuch"],
    "sysctls": [
        {"kernel.nosuch": "1"},
        {"net.ipv4.nosuch": "1"},
        {"../../etc/passwd": "1"},
        {"net.ipv4.ip_forward": "maybe"},
    ],
    "binds": [["/dev/null/x:/b"]],
    "devices": [["/dev/nosuch"], ["/etc/passwd/x"]],
    "cap_add": [["BOGUS"], ["CAP_"]],
    "pid_mode": ["container:nosuch"],
    "tmpfs": [{"/x": "nosuchoption"}, {"/x": "size=bogus"}],
    "security_opts": [["bogus"], ["seccomp={"], ["seccomp=/nosuch.json"], ["no-new-privileges:maybe"], ["apparmor"]],
    "memory": ["1k", "9000000tb"],
    "cpuset": ["4096", "0-99999", "9" * 30],
}
"""Well formed, as far as anybody but the engine can tell."""

REFUSED_ON_THE_NETWORK: Values = {
    "mgmt_ipv4_address": ["172.31.250.1"],
    "port_bindings": [{"80": [PortBinding(host_ip="203.0.113.7")]}],
}
"""The same, for a container with a place on the management network."""

_WORDS = {
    "binds": "bind",
    "volumes": "volume",
    "long_name": "longname",
    "pid_mode": "pidmode",
    "port_bindings": "portbindings",
} | {
    "port_set": "portset",
    "network_mode": "networkmode",
}
_ON_THE_NETWORK = {
    "mgmt_net",
    "mgmt_intf",
    "mgmt_ipv4_address",
    "mgmt_ipv6_address",
    "mac_address",
    "aliases",
    "port_bindings",
}
_MODES_OF_LATER = frozenset({"container:nosuch", "container:../x", "container:a b", "container:x\r\nHost: evil"})


def node_cases() -> Iterator[Case]:
    """Make a case of every value."""
    yield from each(MALFORMED, _malformed)
    yield from each(REFUSED, _refused)
    yield from each(REFUSED_ON_THE_NETWORK, _refused_on_the_network)
    for mode in sorted(_MODES_OF_LATER):
        yield Case(f"create_container network_mode={mode!a}", lambda at, mode=mode: at.up(network_mode=mode), EITHER)


def _malformed(name: str, value: Any) -> Case:  # noqa: ANN401 - the types are what is wrong
    word = _WORDS.get(name, name.replace("_", "-"))
    mode = "" if name in _ON_THE_NETWORK else "none"
    fields = {"network_mode": mode, name: value}
    return Case(f"create_container {name}={shown(value)}", lambda at: at.create(**fields), BEFORE, word)


def _refused(name: str, value: Any) -> Case:  # noqa: ANN401 - the types are what is wrong
    return Case(f"start_container {name}={shown(value)}", lambda at: at.up(**{name: value}), ENGINE)


def _refused_on_the_network(name: str, value: Any) -> Case:  # noqa: ANN401 - the types are what is wrong
    fields = {"network_mode": "", name: value}
    return Case(f"start_container {name}={shown(value)}", lambda at: at.up(**fields), ENGINE)
