"""How containers do, as it takes little to learn: a list tells it of all of them, an inspect of one, exactly."""

from collections.abc import Sequence

import msgspec

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.models import ContainerStatus
from clab_runtime.runtime.health import HEALTHY, UNHEALTHY
from clab_runtime.runtime.translate import status_from_state

_STARTING = "starting"
_NEVER = "0001-01-01"
_NO_TEST = "NONE"
_HEALTH_WORDS = {"(healthy)": HEALTHY, "(unhealthy)": UNHEALTHY, "(health: starting)": _STARTING}
"""How Docker's list ends what it says of a container that runs and is checked."""

_RESTARTING_POLICIES = frozenset({"always", "unless-stopped", "on-failure"})
_FINAL = "exited"
"""Podman's state of what it has tidied up behind, and so starts no more; before that it is `stopped`."""


class Glance(msgspec.Struct, frozen=True):
    """What was seen of a container."""

    id: str
    names: Sequence[str]
    status: ContainerStatus
    health: str = ""
    """What its check says; empty where there is none, or where a list does not tell."""
    exact: bool = False
    """Whether it is the whole truth: lists lag behind, and leave out most."""
    checked: bool = False
    """Whether it has a health check, if this is exact."""
    has_run: bool = False
    """Whether it was ever started, if this is exact."""
    exit_code: int = 0
    """How it ended last, if this is exact and it has ended."""


class Survey:
    """A list of all containers, in which one is found as an engine finds it."""

    def __init__(self, glances: Sequence[Glance]) -> None:
        """Look through what was listed."""
        self._ids = {glance.id: glance for glance in glances}
        self._names = {name: glance for glance in glances for name in glance.names}

    def find(self, container: str) -> Glance | None:
        """Find a container by its id, its name, or the beginning of one id alone."""
        found = self._ids.get(container) or self._names.get(container)
        if found is not None:
            return found
        begun = [glance for glance in self._ids.values() if glance.id.startswith(container)]
        return begun[0] if len(begun) == 1 else None


def exact_glance(inspect: schema.ContainerInspect) -> Glance:
    """Take what an inspect tells."""
    state, health, check = inspect.state, inspect.state.health, inspect.config.healthcheck
    word = health.status if health is not None and health.status != "none" else ""
    tests = bool(check is not None and check.test and check.test[0] != _NO_TEST)
    return Glance(
        inspect.id,
        [inspect.name.removeprefix("/")],
        status_from_state(state.status),
        word,
        exact=True,
        checked=bool(word) or tests,
        has_run=bool(state.started_at) and not state.started_at.startswith(_NEVER),
        exit_code=state.exit_code,
    )


async def docker_glances(engine: EngineClient) -> Sequence[Glance]:
    """List; GET /containers/json."""
    return [
        Glance(
            summary.id,
            [name.removeprefix("/") for name in summary.names or ()],
            status_from_state(summary.state),
            next((health for words, health in _HEALTH_WORDS.items() if summary.status.endswith(words)), ""),
        )
        for summary in await engine.containers.list()
    ]


async def podman_glances(engine: EngineClient) -> Sequence[Glance]:
    """List; GET /libpod/containers/json, whose `status` is the health."""
    return [
        Glance(item.id, item.names or (), status_from_state(item.state), item.status)
        for item in await engine.libpod.containers.list()
    ]


async def podman_look(engine: EngineClient, container: str) -> Glance:
    """Look at one; GET /containers/{id}/json, and GET /libpod/containers/{id}/json where it may start again.

    Podman has no word for a container between two starts: it is one that has ended, and is not tidied up behind yet.
    """
    inspect = await engine.containers.inspect(container)
    glance, policy = exact_glance(inspect), inspect.host_config.restart_policy
    if glance.status is not ContainerStatus.STOPPED or policy is None or policy.name not in _RESTARTING_POLICIES:
        return glance
    later = (await engine.libpod.containers.inspect(inspect.id)).state.status
    return glance if later == _FINAL else msgspec.structs.replace(glance, status=ContainerStatus.RESTARTING)
