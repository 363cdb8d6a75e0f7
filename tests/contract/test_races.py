"""What somebody else does to a container between two requests of one call, on a real Docker: the typed result."""

from functools import partial
from pathlib import Path

import pytest

from clab_runtime import (
    ContainerExitedError,
    EndpointlessNode,
    GenericFilter,
    NotFoundError,
)
from tests.contract.differences import Differs
from tests.contract.interposer import interposed
from tests.contract.lab import Lab, within

pytestmark = pytest.mark.anyio


async def kill(lab: Lab, name: str) -> None:
    await lab.client.containers.kill(name)
    await lab.client.containers.wait(name)


async def remove(lab: Lab, name: str) -> None:
    await lab.remove(name)


@pytest.mark.proves("list_containers")
async def test_between_the_list_and_the_look(lab: Lab, differs: Differs) -> None:
    killed, removed = await lab.up("killed"), await lab.up("removed")
    mine = [GenericFilter("label", "containerlab", "=", lab.name)]
    async with interposed(lab) as (runtime, between):

        async def act() -> None:
            await kill(lab, killed)
            await remove(lab, removed)

        between.before(r"GET .*/containers/[0-9a-f]{64}/json", act)
        if differs("process ids in the list"):
            assert len(await within(lambda: runtime.list_containers(mine))) == 2
            assert not between.done
            return
        (found,) = await within(lambda: runtime.list_containers(mine))
        assert between.done
    assert (found.names, found.state, found.status, found.pid) == ((killed,), "exited", "Exited (137)", 0)


@pytest.mark.proves("start_container")
async def test_between_create_and_start(lab: Lab) -> None:
    node = lab.node()
    container = await lab.runtime.create_container(node)
    async with interposed(lab) as (runtime, between):
        between.before("POST .*/start", lambda: remove(lab, container))
        with pytest.raises(NotFoundError, match=r"(?i)no such container"):
            await within(lambda: runtime.start_container(container, EndpointlessNode(node)))
        assert between.done


@pytest.mark.proves("start_container")
async def test_between_start_and_wait(lab: Lab) -> None:
    script = "sh -c 'echo last words; sleep 100000'"
    async with interposed(lab) as (runtime, between):
        for wait in ("wait_running", "wait_healthy", "wait_exited"):
            for act in (kill, remove):
                node = lab.node(f"{wait[5:]}-{act.__name__}", script)
                await runtime.create_container(lab.checked(node))
                started = await runtime.start_container(node.long_name, EndpointlessNode(node))
                if wait == "wait_healthy":
                    await lab.until_said(node.long_name, b"last words")
                between.before("(GET|POST) .*/(json|wait)", partial(act, lab, node.long_name))
                if act is remove:
                    with pytest.raises(NotFoundError, match=r"(?i)no such container"):
                        await within(getattr(started, wait))
                elif wait == "wait_exited":
                    assert await within(started.wait_exited) == 137
                else:
                    with pytest.raises(ContainerExitedError) as caught:
                        await within(getattr(started, wait))
                    assert (caught.value.exit_code, caught.value.signal) == (137, "SIGKILL")
                assert between.done


@pytest.mark.proves("write_to_stdin_no_wait", "stop_container", "copy_to_container", "exec")
async def test_between_two_requests_of_other_calls(lab: Lab, tmp_path: Path) -> None:
    source = tmp_path / "x"
    source.write_text("x")
    async with interposed(lab) as (runtime, between):
        name = await lab.up("stdin")
        between.before("POST .*/attach", lambda: kill(lab, name))
        with pytest.raises(ContainerExitedError, match=name):
            await within(lambda: runtime.write_to_stdin_no_wait(name, b"x" * 1_000_000))
        assert between.done
        await lab.client.containers.start(name)
        between.before("POST .*/kill", lambda: kill(lab, name))
        await within(lambda: runtime.stop_container(name, "USR1"))
        assert between.done
        await lab.client.containers.start(name)
        next_request = {"docker": "wait", "podman": "kill"}[lab.engine.kind]  # Podman's own wait would miss a restart
        between.before(f"POST .*/{next_request}", lambda: remove(lab, name))
        await within(lambda: runtime.stop_container(name, "USR1"))
        assert between.done
        name = await lab.up("copy")
        between.before("PUT .*/archive", lambda: remove(lab, name))
        with pytest.raises(NotFoundError, match=r"(?i)no such container"):
            await within(lambda: runtime.copy_to_container(name, "/x", str(source)))
        assert between.done
