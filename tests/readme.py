"""Tables in the README that programs write: each stands between `<!-- name:begin -->` and `<!-- name:end -->`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

README = Path(__file__).parents[1] / "README.md"


def between(readme: str, name: str) -> str | None:
    """Return what stands between two markers, None where they are not."""
    parts = _parts(readme, name)
    return parts[1].strip("\n") if parts else None


def write(path: Path, name: str, text: str) -> bool:
    """Put a text between two markers of a file; tell whether they are there."""
    parts = _parts(path.read_text(encoding="utf-8"), name)
    if parts:
        path.write_text(f"{parts[0]}\n{text}\n{parts[2]}", encoding="utf-8")
    return parts is not None


def aligned(rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Write a Markdown table, the first row of which is its head; of numbers the columns but the first end alike."""
    rule = ["---", *["--:" if numbers else "---"] * (len(rows[0]) - 1)]
    whole = [rows[0], rule, *rows[1:]]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    return "\n".join(f"| {' | '.join(_padded(row, widths, numbers=numbers))} |" for row in whole)


def _parts(readme: str, name: str) -> tuple[str, str, str] | None:
    head, begin, rest = readme.partition(f"<!-- {name}:begin -->")
    text, end, tail = rest.partition(f"<!-- {name}:end -->")
    return (head + begin, text, end + tail) if end else None


def _padded(row: Sequence[str], widths: Sequence[int], *, numbers: bool) -> list[str]:
    """Fill cells up: numbers on the left, all else on the right, and the rule with dashes."""
    if row[0].startswith("---"):
        return [cell.rjust(width, "-") for cell, width in zip(row, widths, strict=True)]
    cells = [row[0].ljust(widths[0])]
    return cells + [
        cell.rjust(width) if numbers else cell.ljust(width) for cell, width in zip(row[1:], widths[1:], strict=True)
    ]
