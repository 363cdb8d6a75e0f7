"""Runtimes in a process of its own, which tests drive line by line: `python -m tests.contract.netns_program`.

A line is a JSON list, the name of a call and its argument; the answer is a JSON object with what came of it. `init`
begins anew, with another runtime and all rights, so that one process serves many tests: to start one takes a second.
"""

import json
import logging
import os
import sys
from collections.abc import Awaitable, Callable

import anyio
import pyroute2  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] # noqa: F401 - to have it before the rights go

from clab_runtime import ContainerRuntime, EndpointlessNode, MgmtNet, NodeConfig, with_mgmt_net
from clab_runtime.runtime.docker import DockerRuntime
from clab_runtime.runtime.podman import PodmanRuntime

RUNTIMES: dict[str, Callable[[str], ContainerRuntime]] = {"docker": DockerRuntime, "podman": PodmanRuntime}
ROOT, NOBODY = 0, 65534


class Messages(logging.Handler):
    """Keep the warnings that are logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())

    def taken(self) -> list[str]:
        texts, self.texts = self.texts, []
        return texts


class Program:
    """What a test may ask for."""

    def __init__(self, kind: str, endpoint: str) -> None:
        self._make, self._endpoint = RUNTIMES[kind], endpoint
        self.runtime = self._make(endpoint)
        self.calls: dict[str, Callable[[str], Awaitable[None]]] = {
            "init": self._init,
            "create_net": lambda _: self.runtime.create_net(),
            "delete_net": lambda _: self.runtime.delete_net(),
            "start": self._start,
            "start_all": self._start_all,
            "delete": self._delete,
            "path": self._path,
            "drop_rights": self._drop_rights,
        }

    async def _init(self, words: str) -> None:
        os.setresuid(ROOT, ROOT, ROOT)
        await self.runtime.aclose()
        self.runtime = self._make(self._endpoint)
        await self.runtime.init(with_mgmt_net(MgmtNet.from_json(words)))

    async def _start(self, words: str) -> None:
        node = NodeConfig.from_json(words)
        container = await self.runtime.create_container(node)
        await self.runtime.start_container(container, EndpointlessNode(node))

    async def _start_all(self, words: str) -> None:
        async with anyio.create_task_group() as tasks:
            for node in json.loads(words):
                tasks.start_soon(self._start, node)

    async def _delete(self, name: str) -> None:
        await self.runtime.delete_container(name)

    async def _path(self, path: str) -> None:
        os.environ["PATH"] = path

    async def _drop_rights(self, _: str) -> None:
        os.setgroups([0])  # whose the engine's socket is
        os.setresuid(NOBODY, NOBODY, ROOT)  # the last is just how `init` gets them back


async def main(kind: str, endpoint: str) -> None:
    """Carry out what comes in."""
    messages = Messages()
    logging.getLogger("clab_runtime").addHandler(messages)
    program = Program(kind, endpoint)
    while line := await anyio.to_thread.run_sync(sys.stdin.readline):
        name, argument = json.loads(line)
        answer: dict[str, object] = {"error": None}
        try:
            await program.calls[name](argument)
        except Exception as exc:  # noqa: BLE001 - the test's to judge
            answer["error"] = repr(exc)
        answer |= {"mgmt": program.runtime.mgmt.to_json().decode(), "warnings": messages.taken()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    os.setresuid(ROOT, ROOT, ROOT)  # whoever measures coverage writes it down at the end
    await program.runtime.aclose()


if __name__ == "__main__":
    anyio.run(main, sys.argv[2], sys.argv[3], backend=sys.argv[1])
