"""Looking at a node's container: what the engine says of it, and what is seen from inside."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import anyio
import msgspec

from clab_runtime import ExecCmd, NodeConfig
from tests.contract.lab import Lab

Facts: TypeAlias = Mapping[str, Any]
"""What the engine says of a container, under its own words."""

Record: TypeAlias = Callable[[str, object], None]
"""Pytest's `record_property`: `cannot` is why the engine's version can't do what the test is about, `note` is what
the README's table has to say besides."""


def with_(node: NodeConfig, **fields: object) -> NodeConfig:
    return msgspec.structs.replace(node, **fields)


async def facts(lab: Lab, node: NodeConfig) -> Facts:
    return msgspec.json.decode(await lab.client.call("GET", f"/containers/{node.long_name}/json"), type=dict[str, Any])


async def of_podman(lab: Lab, node: NodeConfig) -> Facts:
    """Return what Podman says of a container under its own words, which are more."""
    path = f"/libpod/containers/{node.long_name}/json"
    return msgspec.json.decode(await lab.client.call("GET", path), type=dict[str, Any])


async def inside(lab: Lab, node: NodeConfig, script: str) -> str:
    """Run a shell script in a node's container, and return what it writes."""
    result = await lab.runtime.exec(node.long_name, ExecCmd(["sh", "-c", script]))
    assert result.exit_code == 0, result
    return result.stdout_text.strip()


async def inside_each(lab: Lab, node: NodeConfig, scripts: Mapping[str, str]) -> Mapping[str, str]:
    """Run scripts by one command, since each takes its time to start, and tell what each one writes."""
    joined = " && echo && echo NEXT && ".join(f"{{ {script}; }}" for script in scripts.values())
    output = (await inside(lab, node, joined)).split("\nNEXT\n")
    return {name: text.strip() for name, text in zip(scripts, output, strict=True)}


async def all_up(lab: Lab, *nodes: NodeConfig) -> None:
    async with anyio.create_task_group() as tasks:
        for node in nodes:
            tasks.start_soon(lab.start, node)
