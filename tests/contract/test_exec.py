"""Commands in containers on real engines: their ends, their bytes, and what becomes of those that are abandoned."""

import hashlib
import json
import random

import anyio
import msgspec
import pytest

from clab_runtime import ConflictError, ExecCmd, ExecCollection, GenericFilter, InvalidArgumentError, NotFoundError
from tests.conftest import NoLeaks
from tests.contract.lab import Lab, cancelled, open_lab, until, within
from tests.engines import Engine

pytestmark = pytest.mark.anyio


async def processes(lab: Lab, name: str) -> str:
    return (await lab.runtime.exec(name, ExecCmd("ps -o pid,ppid,stat,args"))).stdout_text


# ---------------------------------------------------------------- to the end


@pytest.mark.proves("exec")
async def test_a_command_ends_with_its_code_and_its_output_each_stream_apart(lab: Lab) -> None:
    name = await lab.up()
    for code in (0, 1, 42, 255):
        command = ExecCmd(["sh", "-c", f"echo out; echo err >&2; printf last; exit {code}"])
        result = await lab.runtime.exec(name, command)
        assert result.command == command
        assert (result.exit_code, result.stdout, result.stderr) == (code, b"out\nlast", b"err\n")
        assert result.ok is (code == 0)


@pytest.mark.proves("exec")
async def test_results_are_collected_and_dumped_as_containerlab_does(lab: Lab) -> None:
    collection = ExecCollection()
    for short_name in ("r2", "r1"):
        name = await lab.up(short_name)
        for script in ("echo '{\"mtu\": 1500}'", "echo oops >&2; exit 2"):
            collection.add(short_name, await lab.runtime.exec(name, ExecCmd(["sh", "-c", script])))
    of_each = [
        {"cmd": ["sh", "-c", "echo '{\"mtu\": 1500}'"], "return-code": 0, "stdout": {"mtu": 1500}, "stderr": ""},
        {"cmd": ["sh", "-c", "echo oops >&2; exit 2"], "return-code": 2, "stdout": "", "stderr": "oops\n"},
    ]
    assert json.loads(collection.dump("json")) == {"r1": of_each, "r2": of_each}
    plain = collection.dump("plain")
    assert plain.startswith("Node: r1\nCmd: sh -c ")
    assert plain.count('ReturnCode: 0\nStdout: {"mtu": 1500}\n') == plain.count("ReturnCode: 2\nStderr: oops\n") == 2


@pytest.mark.proves("exec")
async def test_every_byte_comes_as_it_was_written(lab: Lab) -> None:
    name = await lab.up()
    escapes = "".join(f"\\{byte:03o}" for byte in range(256))
    result = await lab.runtime.exec(name, ExecCmd(["printf", escapes]))
    assert result.stdout == bytes(range(256))


@pytest.mark.proves("exec")
async def test_five_megabytes_come_whole(lab: Lab) -> None:
    name = await lab.up()
    script = "head -c 5242880 /dev/urandom > /tmp/x; md5sum < /tmp/x >&2; cat /tmp/x"
    result = await within(lambda: lab.runtime.exec(name, ExecCmd(["sh", "-c", script])))
    assert len(result.stdout) == 5 * 1024 * 1024
    assert hashlib.md5(result.stdout, usedforsecurity=False).hexdigest() == result.stderr_text.split()[0]


@pytest.mark.proves("exec")
async def test_it_runs_as_root_without_a_terminal_whoever_the_node_runs_as(lab: Lab) -> None:
    await lab.start(msgspec.structs.replace(lab.node(), user="nobody"))
    result = await lab.runtime.exec(lab.node().long_name, ExecCmd(["sh", "-c", "id -u; test -t 1 || echo none"]))
    assert result.stdout == b"0\nnone\n"


async def test_a_listed_container_runs_commands_itself(lab: Lab) -> None:
    name = await lab.up()
    (container,) = await lab.runtime.list_containers([GenericFilter("name", match=name)])
    assert (await container.run_exec(ExecCmd("echo hello"))).stdout == b"hello\n"


async def test_a_command_that_ends_by_a_signal_has_its_code(lab: Lab) -> None:
    name = await lab.up()
    assert (await lab.runtime.exec(name, ExecCmd(["sh", "-c", "kill -9 $$"]))).exit_code == 137


@pytest.mark.proves("exec")
async def test_a_command_that_is_not_there_has_the_shells_code_and_the_engines_words(lab: Lab) -> None:
    name = await lab.up()
    result = await lab.runtime.exec(name, ExecCmd("nosuch"))
    assert result.exit_code in {126, 127}
    assert b"nosuch" in result.stdout + result.stderr


async def test_twenty_commands_at_once_keep_their_output_apart(engine: Engine, no_leaks: NoLeaks) -> None:
    outputs: dict[int, bytes] = {}
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()

        async def one(number: int) -> None:
            result = await lab.runtime.exec(name, ExecCmd(["sh", "-c", f"echo {number}; exit {number}"]))
            outputs[result.exit_code] = result.stdout

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
    assert outputs == {number: f"{number}\n".encode() for number in range(20)}


# ---------------------------------------------------------------- where it can't be


@pytest.mark.proves("exec")
async def test_in_a_container_that_does_not_run_it_is_a_conflict(lab: Lab) -> None:
    node = lab.node()
    await lab.runtime.create_container(node)
    with pytest.raises(ConflictError):
        await lab.runtime.exec(node.long_name, ExecCmd("true"))
    with pytest.raises(ConflictError):
        await lab.runtime.exec_not_wait(node.long_name, ExecCmd("true"))


async def test_in_a_container_that_is_not_there_it_is_not_found(lab: Lab) -> None:
    with pytest.raises(NotFoundError):
        await lab.runtime.exec("nobody", ExecCmd("true"))


async def test_a_container_that_ends_takes_its_commands_along(lab: Lab) -> None:
    name = await lab.up()
    command = ExecCmd(["sh", "-c", "echo up > /proc/1/fd/1; sleep 1003"])
    codes: list[int] = []

    async def run() -> None:
        codes.append((await lab.runtime.exec(name, command)).exit_code)

    async with lab.runtime.stream_logs(name) as log, anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await within(log.__anext__)
        await lab.client.containers.kill(name)
    assert codes == [137]


# ---------------------------------------------------------------- detached


@pytest.mark.proves("exec_not_wait")
async def test_a_detached_command_goes_on_when_the_call_has_returned(lab: Lab) -> None:
    name = await lab.up()
    async with lab.runtime.stream_logs(name) as log:
        await lab.runtime.exec_not_wait(name, ExecCmd(["sh", "-c", "echo begun > /proc/1/fd/1; sleep 1004"]))
        assert (await within(log.__anext__)).data == b"begun"
    assert "sleep 1004" in await processes(lab, name)


@pytest.mark.proves("exec_not_wait")
async def test_a_detached_command_that_is_not_there_is_refused(lab: Lab) -> None:
    name = await lab.up()
    with pytest.raises(InvalidArgumentError, match="nosuch"):
        await lab.runtime.exec_not_wait(name, ExecCmd("nosuch"))


# ---------------------------------------------------------------- abandoned


@pytest.mark.proves("exec")
@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_an_abandoned_command_ends_in_the_container_with_its_children(
    engine: Engine, no_leaks: NoLeaks, *, natively: bool
) -> None:
    script = "(sleep 1005 & sleep 1006) & sh -c 'sleep 1007; true' & echo up > /proc/1/fd/1; sleep 1008"
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        async with lab.runtime.stream_logs(name) as log:

            async def begun() -> None:
                await within(log.__anext__)

                async def all_there() -> bool:
                    found = await processes(lab, name)
                    return all(f"sleep {number}" in found for number in range(1005, 1009))

                await until(all_there)

            command = ExecCmd(["sh", "-c", script])
            assert await within(
                lambda: cancelled(lambda: lab.runtime.exec(name, command), begun, natively=natively),
            )

        async def all_gone() -> bool:
            return "sleep 100" not in (await processes(lab, name)).replace("sleep 100000", "")

        await until(all_gone)


@pytest.mark.parametrize("natively", [False, True], ids=["scope", "natively"])
async def test_a_command_that_is_abandoned_at_any_moment_leaves_no_process(
    engine: Engine, no_leaks: NoLeaks, *, natively: bool
) -> None:
    rounds = 40
    moments = random.Random(5)
    async with no_leaks(), open_lab(engine) as lab:
        name = await lab.up()
        abandoned: list[bool] = []

        async def one(seconds: float) -> None:
            command = ExecCmd("sleep 1009")
            call = cancelled(lambda: lab.runtime.exec(name, command), lambda: anyio.sleep(seconds), natively=natively)
            abandoned.append(await call)

        for _ in range(rounds // 4):
            async with anyio.create_task_group() as tasks:
                for _ in range(4):
                    tasks.start_soon(one, moments.uniform(0, 0.2))

        async def all_gone() -> bool:
            return "sleep 1009" not in await processes(lab, name)

        await until(all_gone)
        assert abandoned == [True] * rounds
        assert "0 busy" in repr(lab.runtime)
        assert "0 dedicated" in repr(lab.runtime)
