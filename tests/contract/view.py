"""What a consumer of `watch` has by applying the changes, to be held against a list."""

from collections.abc import Callable, Sequence

import anyio
import pytest

from clab_runtime import ChangeKind, ContainerChange, ContainerRuntime, GenericContainer, GenericFilter, Stream
from tests.contract.lab import LIMIT, Lab, within

QUIET = 0.5
"""Seconds without a change after which nothing more is expected."""


class View:
    """What a consumer has by applying the changes."""

    def __init__(self, runtime: ContainerRuntime, filters: Sequence[GenericFilter]) -> None:
        self.runtime = runtime
        self.filters = filters
        self.changes: Stream[ContainerChange] = runtime.watch(filters)
        self.containers: dict[str, GenericContainer] = {}
        self.applied: list[ContainerChange] = []

    async def next(self) -> ContainerChange:
        """Apply the next change."""
        change: ContainerChange = await within(self.changes.__anext__)
        self.apply(change)
        return change

    def apply(self, change: ContainerChange) -> None:
        self.applied.append(change)
        if container := change.container:
            assert container.runtime is self.runtime
            assert (change.kind is not ChangeKind.ADDED) is (container.id in self.containers)
            self.containers[container.id] = container
            if change.kind is ChangeKind.REMOVED:
                del self.containers[container.id]

    async def tell(self) -> tuple[str, str, str]:
        """Apply the next change, and return what it is, of which node, and that one's state."""
        change = await self.next()
        container = change.container or GenericContainer(names=[""])
        return change.kind, container.names[0].rpartition("-")[2], container.state

    async def until(self, condition: Callable[[ContainerChange], bool]) -> list[ContainerChange]:
        """Apply changes up to one that fits, and return all of them."""
        seen = [await self.next()]
        while not condition(seen[-1]):
            seen.append(await self.next())
        return seen

    async def follow(self) -> None:
        """Apply changes until somebody has enough."""
        async for change in self.changes:
            self.apply(change)

    async def until_synced(self) -> list[ContainerChange]:
        return await self.until(lambda change: change.kind is ChangeKind.SYNCED)

    async def until_state(self, state: str) -> GenericContainer:
        """Apply changes up to one that tells of a container in a state."""
        last = (await self.until(lambda change: change.container is not None and change.container.state == state))[-1]
        assert last.container is not None
        return last.container

    async def until_quiet(self) -> None:
        """Apply what has happened by now."""
        with anyio.move_on_after(LIMIT):
            while True:
                with anyio.move_on_after(QUIET) as scope:
                    await self.next()
                if scope.cancelled_caught and self.differences(await self.runtime.list_containers(self.filters)) == []:
                    return
        pytest.fail(f"not as listed: {self.differences(await self.runtime.list_containers(self.filters))}")

    def differences(self, listed: Sequence[GenericContainer]) -> list[tuple[object, object]]:
        """Hold what has been applied against a list."""
        theirs = {container.id: lasting(container) for container in listed}
        ours = {name: lasting(container) for name, container in self.containers.items()}
        return [
            (ours.get(name), theirs.get(name))
            for name in ours.keys() | theirs.keys()
            if ours.get(name) != theirs.get(name)
        ]


def lasting(container: GenericContainer) -> dict[str, object]:
    """Return all of a container but its age, and the order that Docker tells things in."""
    values = {field: getattr(container, field) for field in container.__struct_fields__}
    ages = [word for word in container.status.split() if word.startswith("(") or word.endswith(")")]
    sets = {name: frozenset(values[name]) for name in ("names", "mounts", "ports")}
    return {**values, **sets, "status": ages}


def mine(lab: Lab) -> GenericFilter:
    return GenericFilter("label", "containerlab", "=", lab.name)
