"""Management networks that can't be: refused by init before it asks anything, or by the engine at create_net."""

from collections.abc import Iterator, Mapping, Sequence

from tests.hostile.cases import BEFORE, ENGINE, CallWith, Case, Group, Values

HUGE = 10**30
V4: Mapping[str, str] = {"ipv4_subnet": "172.31.249.0/24"}
V6: Mapping[str, str] = {"ipv6_subnet": "3fff:172:31:249::/64"}
NEEDED: Mapping[str, Mapping[str, str]] = {"ipv4_gw": V4, "ipv4_range": V4, "ipv6_gw": V6, "ipv6_range": V6}
"""The subnet that something is to be a part of."""

# fmt: off
MALFORMED: Values = {
    "network": [
        "", " ", ".", "..", "host", "none", "default", "a/b", "../x", "a:b", "a\r\nX: 1", "a b", "%2e%2e", "n\u00e9t",
    ],
    "bridge": ["x" * 16, "a/b", "a b", "..", ".", "a:b", "a\n", " "],
    "ipv4_subnet": [
        "x", "172.31.249.1/24", "172.31.249.0", "172.31.249.0/33", "172.31.249.0/-1", " 172.31.249.0/24", "auto",
        "172.31.249.0/24\n", "3fff::/64", "172.31.249/24", "172.31.249.0/24/24", "0x7f.0.0.0/8", "\u0661.0.0.0/8",
    ],
    "ipv4_gw": ["x", "172.31.249.1/24", "10.9.9.9", "3fff::1", "172.31.249.1 ", "172.31.249.0", "172.31.249.255"],
    "ipv4_range": ["x", "172.31.249.0", "172.31.0.0/16", "10.9.9.0/24", "172.31.249.1/25", "3fff::/64"],
    "ipv6_subnet": ["x", "3fff:172::1/64", "3fff::", "3fff::/129", "172.31.249.0/24", "AUTO", "fe80::%eth0/64"],
    "ipv6_gw": ["x", "3fff:172:31:249::1/64", "4000::1", "172.31.249.1", "fe80::1%eth0"],
    "ipv6_range": ["x", "3fff:172:31:249::", "3fff::/16", "4000::/64", "3fff:172:31:249::1/80"],
    "mtu": [-1, 1, 67, 65536, HUGE],
    "driver_opts": [{"": "x"}, {" ": "x"}],
}
"""Refused before any request."""

WITHOUT_A_SUBNET: Values = {
    "ipv4_gw": ["172.31.249.1"],
    "ipv4_range": ["172.31.249.0/25"],
    "ipv6_gw": ["3fff:172:31:249::1"],
    "ipv6_range": ["3fff:172:31:249::/80"],
}
"""Refused before any request: there is nothing that they could be part of."""

REFUSED: Values = {
    "driver_opts": [
        {"com.docker.network.bridge.name": "x" * 20},
        {"com.docker.network.bridge.enable_icc": "perhaps"},
        {"com.docker.network.driver.mtu": "huge"},
    ],
}
"""Well formed, as far as anybody but the engine can tell."""
# fmt: on


def network_cases() -> Iterator[Case]:
    """Make a case of every value."""
    for name, values in MALFORMED.items():
        yield from _group(f"init mgmt {name}", _opening(name, NEEDED.get(name, {})), values, name)
    for name, values in WITHOUT_A_SUBNET.items():
        yield from _group(f"init mgmt {name} alone", _opening(name, {}), values, name)
    for name, values in REFUSED.items():
        yield from Group(f"create_net {name}", _creating(name), ENGINE, "", values).cases()


def _group(title: str, call: CallWith, values: Sequence[object], name: str) -> Iterator[Case]:
    return Group(title, call, BEFORE, name.replace("_", "-"), values).cases()


def _opening(name: str, more: Mapping[str, str]) -> CallWith:
    return lambda at, value: at.open_with_mgmt(**{**more, name: value})


def _creating(name: str) -> CallWith:
    return lambda at, value: at.create_net(**{**V4, name: value})
