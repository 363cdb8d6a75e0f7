"""What Podman says of itself, in its own words."""

from collections.abc import Sequence

from msgspec import Struct, field


class LibpodStore(Struct):
    """Where Podman keeps images and containers."""

    run_root: str = field(name="runRoot", default="")
    """What lasts until the machine is started again, such as containers' hosts files."""
    graph_driver_name: str = field(name="graphDriverName", default="")


class LibpodSecurity(Struct):
    """How Podman is kept apart."""

    rootless: bool = False


class LibpodHost(Struct):
    """The machine, as Podman sees it."""

    security: LibpodSecurity = field(default_factory=LibpodSecurity)
    event_logger: str = field(name="eventLogger", default="")
    """Where events are kept: `journald`, `file`, or `none`."""
    cgroup_version: str = field(name="cgroupVersion", default="")
    """`v1` or `v2`."""
    cgroup_controllers: Sequence[str] | None = field(name="cgroupControllers", default=None)
    """What a rootless Podman has been given."""


class LibpodInfo(Struct):
    """GET /libpod/info."""

    host: LibpodHost = field(default_factory=LibpodHost)
    store: LibpodStore = field(default_factory=LibpodStore)
