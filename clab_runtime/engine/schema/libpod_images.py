"""Images, as Podman's own API tells of them."""

from clab_runtime.engine.schema.base import Reply
from clab_runtime.engine.schema.container_create import HealthConfig


class LibpodImage(Reply):
    """GET /libpod/images/{name}/json."""

    id: str
    user: str = ""
    healthcheck: HealthConfig | None = None
