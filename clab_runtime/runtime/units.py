"""Sizes and shares of CPU time as people write them, in the engines' numbers."""

import re
from decimal import Decimal
from typing import Final

from clab_runtime.errors import InvalidValueError

CPU_PERIOD: Final = 100_000
"""Microseconds in which a container may use its quota of CPU time."""
_LEAST_QUOTA = 1000
_MOST_QUOTA = 2**44 - 1
_LARGEST = 2**63 - 1
_LEAST_MEMORY = 6 * 1024**2

_SIZE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*")
_PREFIXES = "kmgtpe"
_FACTORS = {
    "": 1,
    "b": 1,
    **{f"{prefix}{end}": 1000**power for power, prefix in enumerate(_PREFIXES, 1) for end in ("", "b")},
    **{f"{prefix}i{end}": 1024**power for power, prefix in enumerate(_PREFIXES, 1) for end in ("", "b")},
}
"""Containerlab's units: `k` and `kb` are a thousand (for the docker CLI they are 1024), `ki` and `kib` are 1024."""


def parse_size(field: str, text: str) -> int:
    """Read `512mb` (512 million), `1GiB` (1024 x 1024 x 1024), `64k` or plain bytes; an empty text is 0."""
    if not text:
        return 0
    parts = _SIZE.fullmatch(text.lower())
    factor = _FACTORS.get(parts[2]) if parts else None
    if parts is None or factor is None:
        raise InvalidValueError(field, text, "write bytes, or a number with a unit: 64k, 512mb, 1GiB")
    exact = Decimal(parts[1]) * factor
    if 0 < exact < 1 or exact > _LARGEST:
        raise InvalidValueError(field, text, f"give 1 to {_LARGEST} bytes, or 0 for the engine's default")
    return int(exact)


def memory_limit(text: str) -> int:
    """Read a limit of memory; below the least that Docker gives a container it would refuse it."""
    size = parse_size("memory", text)
    if 0 < size < _LEAST_MEMORY:
        raise InvalidValueError("memory", text, "give 6MiB or more, or 0 for no limit")
    return size


def cpu_quota(cores: float) -> int:
    """Turn cores into microseconds of CPU time in a period; 0 stays 0, no limit."""
    if cores == 0:
        return 0
    least, most = _LEAST_QUOTA / CPU_PERIOD, _MOST_QUOTA // CPU_PERIOD
    if not least <= cores <= most:  # neither is what is not finite
        raise InvalidValueError("cpu", cores, f"give 0 for no limit, or {least} to {most} cores, which kernels enforce")
    return round(cores * CPU_PERIOD)
