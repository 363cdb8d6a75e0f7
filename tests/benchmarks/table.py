"""The figures as a table, in Markdown, which a terminal shows well enough too; and its place in the README."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.benchmarks.figures import Figure

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_COLUMNS = {"clab_runtime": ("ours",), "aiodocker": ("aiodocker",), "docker-py": ("docker_py",)}
_LIMITS = ("bare", "curl", "raw")
_OTHER_LIMITS = {"curl": "curl for logs", "raw": "engine client for lists"}


def table(figures: Sequence[Figure]) -> str:
    """Write a row per figure and a column per competitor; behind a value stands ours divided by it."""
    others = [words for name, words in _OTHER_LIMITS.items() if any(name in figure.values for figure in figures)]
    limit = ", ".join(["limit: bare socket", *others])
    columns = {**_COLUMNS, limit: _LIMITS}
    rows = [["", *columns], ["---", *["---:"] * len(columns)]]
    rows += [[figure.metric.title, *(_cell(figure, names) for names in columns.values())] for figure in figures]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(f"| {' | '.join(_padded(row, widths))} |" for row in rows)


def into_readme(path: Path, text: str) -> bool:
    """Replace what stands between the two markers; tell whether they are there."""
    readme = path.read_text(encoding="utf-8")
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        return False
    path.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")
    return True


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


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """Fill cells up, the first one on the right and the others on the left; the rule fills up with dashes."""
    if row[0] == "---":
        return ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
