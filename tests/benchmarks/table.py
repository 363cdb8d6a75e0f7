"""The figures as a table, in Markdown, which a terminal shows well enough too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.readme import aligned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.figures import Figure

_COLUMNS = {"clab_runtime": ("ours",), "aiodocker": ("aiodocker",), "docker-py": ("docker_py",)}
_LIMITS = ("bare", "curl", "raw")
_OTHER_LIMITS = {"curl": "curl for logs", "raw": "engine client for lists"}


def table(figures: Sequence[Figure]) -> str:
    """Write a row per figure and a column per competitor; behind a value stands ours divided by it."""
    others = [words for name, words in _OTHER_LIMITS.items() if any(name in figure.values for figure in figures)]
    limit = ", ".join(["limit: bare socket", *others])
    columns = {**_COLUMNS, limit: _LIMITS}
    rows = [["", *columns]]
    rows += [[figure.metric.title, *(_cell(figure, names) for names in columns.values())] for figure in figures]
    return aligned(rows, numbers=True)


def _cell(figure: Figure, names: Sequence[str]) -> str:
    name = next((name for name in names if name in figure.values), None)
    if name is None:
        return ""
    ratio = figure.ratio(name)
    value = f"{_rounded(figure.median(name))}{figure.metric.suffix}"
    return value if ratio is None else f"{value} ({ratio:.2f}x)"


def _rounded(value: float) -> str:
    """Write three digits that count."""
    if value >= 100:
        return f"{round(value, 2 - len(str(int(value))) + 1):,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
