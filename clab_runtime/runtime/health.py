"""What a container's health check says."""

from collections.abc import Sequence

from clab_runtime.engine import schema
from clab_runtime.errors import InvalidValueError

HEALTHY = "healthy"
UNHEALTHY = "unhealthy"
NO_CHECK = "it has no health check; give its node a healthcheck"
_NO_CHECK = ("", "none")


def health_of(inspect: schema.ContainerInspect, container: str) -> schema.Health:
    """Return a container's health; raise InvalidValueError when nothing checks it."""
    health = inspect.state.health
    if health is None or health.status in _NO_CHECK:
        raise InvalidValueError("container", container, NO_CHECK)
    return health


def health_log(inspect: schema.ContainerInspect) -> Sequence[str]:
    """Return what the last runs of the check have said, the oldest first."""
    health = inspect.state.health
    return [result.output for result in health.log or ()] if health else []
