"""Accept rules, with tools that are scripts: what is done when one is missing, fails, hangs or is not understood."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from clab_runtime.host import firewall, tools
from clab_runtime.host.problems import HostError, MissingToolError

pytestmark = pytest.mark.anyio

MakeTool: TypeAlias = Callable[[str, str], None]

NO_CHAIN = """echo '{"nftables": [{"metainfo": {}}]}'"""
NFT_CHAIN = """echo '{"nftables": [{"chain": {"family": "ip", "table": "filter", "name": "DOCKER-USER"}}]}'"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeTool:
    """Make a tool out of a line of shell; there are no others."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "_ADMIN_PATH", "")

    def make(name: str, script: str) -> None:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\nset -- $0 $*\n{script}\n")
        path.chmod(0o755)

    return make


@pytest.mark.usefixtures("tool")
async def test_without_any_tool_the_error_says_what_to_install() -> None:
    with pytest.raises(MissingToolError, match="nft is not installed and iptables is not installed: install"):
        await firewall.accept("br0")
    with pytest.raises(MissingToolError):
        await firewall.forget("br0")


async def test_an_engine_without_the_chain_filters_nothing(tool: MakeTool) -> None:
    tool("nft", NO_CHAIN)
    await firewall.accept("br0")
    await firewall.forget("br0")


async def test_a_tool_that_fails_is_told_in_its_own_words(tool: MakeTool) -> None:
    tool("nft", "echo Operation not permitted >&2; exit 1")
    with pytest.raises(HostError, match=r"^nft: Operation not permitted$"):
        await firewall.accept("br0")


async def test_a_tool_that_fails_in_silence_is_told_by_its_exit_code(tool: MakeTool) -> None:
    tool("nft", f"[ $4 = chains ] || exit 7; {NFT_CHAIN}")
    with pytest.raises(HostError, match=r"^nft: exit code 7$"):
        await firewall.forget("br0")


async def test_output_that_is_not_understood_is_an_error(tool: MakeTool) -> None:
    tool("nft", "echo rubbish")
    with pytest.raises(HostError, match="not understood"):
        await firewall.accept("br0")


async def test_a_tool_that_can_not_be_run_is_an_error(tool: MakeTool, tmp_path: Path) -> None:
    tool("nft", "")
    (tmp_path / "nft").write_text("#!/nowhere/sh\n")
    with pytest.raises(HostError, match=r"^nft: .*No such file"):
        await firewall.accept("br0")


async def test_a_tool_that_hangs_is_ended(tool: MakeTool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "TOOL_TIME", 0.2)
    tool("nft", "exec /bin/sleep 1000")
    with pytest.raises(HostError, match=r"nft has not ended after 0\.2 s"):
        await firewall.accept("br0")


async def test_iptables_is_asked_where_nft_knows_no_chain(tool: MakeTool, tmp_path: Path) -> None:
    tool("nft", NO_CHAIN)
    log = tmp_path / "log"
    for name in ("iptables", "ip6tables"):
        tool(name, f'echo "$*" >> {log}; echo "-N DOCKER-USER"')
    await firewall.accept("br0")
    inserted = [line.partition("--wait 5 ")[2] for line in log.read_text().splitlines() if "-I" in line]
    rules = [f"-I DOCKER-USER {way} br0 -m comment --comment set by containerlab -j ACCEPT" for way in ("-i", "-o")]
    assert inserted == rules * 2


@pytest.mark.parametrize("bridge", ["br*", "br+", "br 0", '";x', "", "-i"])
async def test_a_bridge_whose_name_could_mean_others_gets_no_rules(bridge: str) -> None:
    with pytest.raises(HostError, match="could mean others"):
        await firewall.accept(bridge)
