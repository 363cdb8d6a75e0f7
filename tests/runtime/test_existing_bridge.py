"""Gateways from the addresses of a bridge that is there before its network."""

from ipaddress import ip_interface

import pytest

from clab_runtime import MgmtNet
from clab_runtime.runtime.existing_bridge import with_gateways

V4 = [ip_interface("192.0.2.9/24"), ip_interface("172.20.20.129/24")]
V6 = [ip_interface("fe80::1/64"), ip_interface("fd00:1::7/64"), ip_interface("fd00:2::9/64")]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (MgmtNet(), MgmtNet(ipv4_subnet="192.0.2.0/24", ipv4_gw="192.0.2.9")),
        (
            MgmtNet(ipv4_subnet="172.20.20.0/24", ipv6_subnet="auto"),
            MgmtNet(
                ipv4_subnet="172.20.20.0/24",
                ipv4_gw="172.20.20.129",
                ipv6_subnet="fd00:1::/64",
                ipv6_gw="fd00:1::7",
            ),
        ),
        (
            MgmtNet(ipv4_subnet="172.20.20.0/25", ipv6_subnet="fd00:2::/64"),
            MgmtNet(ipv4_subnet="172.20.20.0/25", ipv6_subnet="fd00:2::/64", ipv6_gw="fd00:2::9"),
        ),
        (
            MgmtNet(ipv4_subnet="172.20.20.0/24", ipv4_gw="172.20.20.1"),
            MgmtNet(ipv4_subnet="172.20.20.0/24", ipv4_gw="172.20.20.1"),
        ),
    ],
    ids=["nothing asked", "those that fit", "one that does not", "the user's own wins"],
)
def test_an_address_that_fits_what_is_asked_for_becomes_the_gateway(asked: MgmtNet, expected: MgmtNet) -> None:
    assert with_gateways(asked, [*V4, *V6]) == expected


def test_an_address_without_a_subnet_around_it_is_no_gateway() -> None:
    addresses = [ip_interface("192.0.2.9/32"), ip_interface("192.0.2.8/31")]
    assert with_gateways(MgmtNet(), addresses) == MgmtNet()
