"""The kernel's reverse path filter, which drops what labs with asymmetric routes send; net.ipv4.conf.*.rp_filter."""

from pathlib import Path

RP_FILTERS = tuple(Path(f"/proc/sys/net/ipv4/conf/{name}/rp_filter") for name in ("all", "default"))
"""The settings of this process's network namespace."""

_OFF = "0"


def relax(found: dict[Path, str]) -> None:
    """Switch the filters off and note in `found` what those that were on had; raises OSError."""
    for path in RP_FILTERS:
        value = path.read_text().strip()
        if value != _OFF:
            path.write_text(_OFF)
            found.setdefault(path, value)


def restore(found: dict[Path, str]) -> None:
    """Give the filters their noted values back, but to one that somebody has set since; raises OSError."""
    while found:
        path, value = found.popitem()
        if path.read_text().strip() == _OFF:
            path.write_text(value)
