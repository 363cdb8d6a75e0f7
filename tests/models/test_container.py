"""Containers, their state, and their runtime."""

import json
from typing import TYPE_CHECKING, cast

import anyio
import msgspec
import pytest

from clab_runtime.errors import ContainerRuntimeError
from clab_runtime.models import ContainerStatus, ExecCmd, ExecResult, GenericContainer, GenericMgmtIPs

if TYPE_CHECKING:
    from clab_runtime.runtime.base import ContainerRuntime


class FakeRuntime:
    async def exec(self, container_id: str, command: ExecCmd) -> ExecResult:
        await anyio.lowlevel.checkpoint()
        return ExecResult(command=command, exit_code=0, stdout=container_id.encode())


def test_a_status_has_gos_value() -> None:
    assert {str(status) for status in ContainerStatus} == {
        "NotFound", "Running", "Stopped", "Paused", "Created", "Restarting", "Removing"
    }  # fmt: skip


def test_only_a_living_process_has_a_joinable_namespace() -> None:
    joinable = {status for status in ContainerStatus if status.has_joinable_netns}
    assert joinable == {ContainerStatus.RUNNING, ContainerStatus.PAUSED}


def test_addresses_carry_their_prefix_length() -> None:
    addresses = GenericMgmtIPs(
        ipv4_addr="172.20.20.2", ipv4_prefix_length=24, ipv6_addr="3fff:172:20:20::2", ipv6_prefix_length=64
    )
    container = GenericContainer(network_settings=addresses)
    assert (container.ipv4, container.ipv6) == ("172.20.20.2/24", "3fff:172:20:20::2/64")


def test_an_address_that_is_missing_is_not_available() -> None:
    assert (GenericContainer().ipv4, GenericContainer().ipv6) == ("N/A", "N/A")


def test_a_command_runs_through_the_containers_runtime() -> None:
    runtime = cast("ContainerRuntime", FakeRuntime())
    container = GenericContainer(id="abc").with_runtime(runtime)
    assert container.runtime is runtime
    assert anyio.run(container.run_exec, ExecCmd("true")).stdout == b"abc"


def test_a_container_without_a_runtime_says_so() -> None:
    with pytest.raises(ContainerRuntimeError, match="container 'r1' has no runtime"):
        _ = GenericContainer(names=["r1"]).runtime
    with pytest.raises(ContainerRuntimeError, match="container '0123' has no runtime"):
        anyio.run(GenericContainer(short_id="0123").run_exec, ExecCmd("true"))


def test_the_runtime_is_no_part_of_the_value() -> None:
    plain = GenericContainer(names=["r1"], pid=7)
    owned = plain.with_runtime(cast("ContainerRuntime", FakeRuntime()))
    assert owned == plain
    assert json.loads(msgspec.json.encode(owned)) == {"names": ["r1"], "pid": 7}
    with pytest.raises(ContainerRuntimeError):
        _ = plain.runtime
