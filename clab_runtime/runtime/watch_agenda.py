"""What a watch has to look at, and when; times are the event loop's, in seconds.

Events are gathered for a moment, so that one look serves all that happens at once. A look that fails is repeated, as is
one whose list was behind. What no event tells of (dockerd gives up a restart, a network's address changes) is found by
a look at everything, once in a while.
"""

import math
from collections.abc import Collection
from typing import Final

from clab_runtime.backoff import growing_delays

GATHERED: Final = 0.01
"""Seconds for which events are gathered."""
HEARTBEAT: Final = 60.0
"""Seconds after which everything is looked at, if nothing has caused that before."""
MOST_IDS: Final = 50
"""Containers that an engine is asked for one by one; for more it is asked for all."""
PATIENCE: Final = 60.0
"""Seconds for which an engine that is there may fail to answer."""

_RETRY: Final = (0.1, 5.0)
_BEHIND: Final = (0.02, 2.0)


class Agenda:
    """What is to be looked at, and from when on."""

    def __init__(self) -> None:
        """Begin with a look at everything, at once."""
        self._ids: set[str] = set()
        self._everything_at = -math.inf
        self._some_at = math.inf
        self._not_before = -math.inf
        self._failing_since: float | None = None
        self._retries = growing_delays(*_RETRY)
        self._catching_up = growing_delays(*_BEHIND)

    @property
    def due(self) -> float:
        """When there is to be a look."""
        return max(self._not_before, min(self._everything_at, self._some_at))

    def add(self, container_id: str, now: float) -> None:
        """Have a container looked at, and what else there is to be by then."""
        self._ids.add(container_id)
        self._some_at = min(self._some_at, now + GATHERED)
        if len(self._ids) > MOST_IDS:
            self.add_everything(self._some_at)

    def add_everything(self, now: float) -> None:
        """Have everything looked at."""
        self._everything_at = min(self._everything_at, now)
        self._ids.clear()
        self._some_at = math.inf

    def wanted(self, now: float) -> Collection[str] | None:
        """Return what to look at now; None for everything."""
        return None if self._everything_at <= now else frozenset(self._ids)

    def done(self, wanted: Collection[str] | None, stale: Collection[str], now: float) -> None:
        """Strike out what has been looked at, but for what has to be looked at again."""
        if wanted is None:
            self._everything_at = now + HEARTBEAT
        self._ids = set(stale)
        self._some_at = now + next(self._catching_up) if stale else math.inf
        self._catching_up = self._catching_up if stale else growing_delays(*_BEHIND)
        self._not_before, self._failing_since, self._retries = -math.inf, None, growing_delays(*_RETRY)

    def put_off(self, now: float) -> None:
        """Have no look for a while, an ever longer one: the engine is away."""
        self._not_before = now + next(self._retries)
        self._failing_since = None

    def failed(self, now: float) -> bool:
        """Have no look for a while: the engine is there, and has failed; tell whether it has done so for too long."""
        since = now if self._failing_since is None else self._failing_since
        self.put_off(now)
        self._failing_since = since
        return now - since > PATIENCE
