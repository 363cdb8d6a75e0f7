"""Bridges through netlink, where there is none or no library; the real ones are looked at in tests/runtime."""

import sys

import pytest

from clab_runtime.host import netlink
from clab_runtime.host.problems import HostError, MissingToolError
from clab_runtime.host.side import HostSide

pytestmark = pytest.mark.anyio


async def test_an_interface_of_another_kind_is_no_bridge() -> None:
    assert netlink.index_of("lo")
    assert await netlink.read_bridge("lo") is None
    assert await HostSide().addresses("lo") == ()


@pytest.mark.parametrize("name", ["nosuch0", "", "a\0b", "x" * 100])
async def test_an_interface_that_is_not_here_is_not_seen(name: str) -> None:
    assert netlink.index_of(name) == 0
    assert await HostSide().addresses(name) == ()


async def test_an_interface_that_has_just_gone_is_an_error() -> None:
    with pytest.raises(HostError, match="netlink: "):
        await netlink.read_bridge("nosuch0")


async def test_without_the_library_the_warning_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "pyroute2", None)
    with pytest.raises(MissingToolError):
        await netlink.set_group_fwd_mask("lo", 0)
    host = HostSide()
    for _ in range(2):
        assert await host.addresses("lo") == ()
    (record,) = caplog.records
    assert "gateways: this needs pyroute2; install clab-runtime[host]" in record.getMessage()
