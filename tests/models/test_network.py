"""MgmtNet in containerlab's words."""

import json
import warnings
from collections.abc import Callable

import msgspec
import pytest

from clab_runtime.models import MgmtNet

SPEC = """
network bridge ipv4-subnet ipv4-gw ipv4-range ipv6-subnet ipv6-gw ipv6-range mtu external-access skip-when-unused
driver-opts
"""
WORDS = SPEC.split()

FULL = MgmtNet(
    network="lab",
    bridge="br-lab",
    ipv4_subnet="172.20.20.0/24",
    ipv4_gw="172.20.20.1",
    ipv4_range="172.20.20.128/25",
    ipv6_subnet="auto",
    ipv6_gw="3fff::1",
    ipv6_range="3fff::/80",
    mtu=9000,
    external_access=False,
    skip_when_unused=True,
    driver_opts={"com.docker.network.bridge.name": "br-x"},
)


def test_every_field_is_written_in_containerlabs_word() -> None:
    assert sorted(json.loads(FULL.to_json())) == sorted(WORDS)
    assert sorted(f.encode_name for f in msgspec.structs.fields(MgmtNet)) == sorted(WORDS)


def test_a_full_network_survives_json_and_yaml() -> None:
    assert MgmtNet.from_json(FULL.to_json()) == FULL
    assert MgmtNet.from_yaml(FULL.to_yaml()) == FULL


def test_the_network_is_called_clab_by_default() -> None:
    assert MgmtNet() == MgmtNet(network="clab")
    assert MgmtNet.from_json("{}").network == "clab"


def test_nulls_are_defaults() -> None:
    assert MgmtNet.from_containerlab(dict.fromkeys(WORDS)) == MgmtNet()


def test_external_access_tells_unset_from_no() -> None:
    assert MgmtNet().external_access is None
    assert json.loads(MgmtNet(external_access=False).to_json()) == {"external-access": False}


def test_an_mtu_may_be_text_as_older_files_have_it() -> None:
    assert MgmtNet.from_json('{"mtu":"1400"}').mtu == 1400


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_a_deprecated_word_is_read_with_a_warning_at_the_caller(family: str) -> None:
    with pytest.warns(DeprecationWarning, match=f"'{family}_subnet' is deprecated, write '{family}-subnet'") as seen:
        read = MgmtNet.from_containerlab({f"{family}_subnet": "x"})
    assert getattr(read, f"{family}_subnet") == "x"
    assert seen[0].filename == __file__


@pytest.mark.parametrize("read", [MgmtNet.from_json, MgmtNet.from_yaml])
def test_the_warning_points_at_the_caller_of_each_reader(read: Callable[[str], MgmtNet]) -> None:
    with pytest.warns(DeprecationWarning, match="ipv4_subnet") as seen:
        read('{"ipv4_subnet": "x"}')
    assert seen[0].filename == __file__


@pytest.mark.parametrize(("new", "wins"), [("new", "new"), ("", "old"), (None, "old")])
def test_the_new_word_wins_over_the_deprecated_one_if_it_says_something(new: str | None, wins: str) -> None:
    with pytest.warns(DeprecationWarning, match="ipv4_subnet"):
        read = MgmtNet.from_containerlab({"ipv4-subnet": new, "ipv4_subnet": "old"})
    assert read.ipv4_subnet == wins


def test_the_new_words_do_not_warn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert MgmtNet.from_json(FULL.to_json()) == FULL


def test_the_deprecated_words_are_never_written() -> None:
    assert "_subnet" not in FULL.to_json().decode()
