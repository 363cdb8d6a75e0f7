"""What deploy_lab.py shows: a line per node that is redrawn in place on a terminal, plain lines everywhere else.

Nothing in here knows about containers; the lab is in deploy_lab.py.
"""

import io
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self, cast

import anyio

FRAMES_PER_SECOND = 12

HIDE_CURSOR, SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"
TO_LINE_END, TO_SCREEN_END = "\x1b[K", "\x1b[J"
BOLD, DIM, RED, GREEN, YELLOW, CYAN = 1, 2, 31, 32, 33, 36

COLOURS: Final = {"waiting": DIM, "removed": DIM, "running": GREEN, "command ok": GREEN, "failed": RED}
"""The colours of stages; the others are on the way, and yellow."""


class Display:
    """Plain lines, each with the seconds since the start; the terminal's display builds on it."""

    def __init__(self, names: Sequence[str]) -> None:
        """Show the nodes of these names."""
        self._name_width = max(map(len, names), default=0)
        self._began = time.monotonic()
        # A container may write what this terminal can't show.
        cast("io.TextIOWrapper", sys.stdout).reconfigure(errors="replace")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""

    async def keep_drawing(self) -> None:
        """Redraw what changes by itself, such as the time, until cancelled."""

    def say(self, text: str) -> None:
        """Show lines that stay."""
        self._write(text + "\n")

    def step(self, text: str) -> None:
        """Show what the lab as a whole is doing."""
        self._line(text)

    def progress(self, fraction: float) -> None:
        """Show how far the step is; where lines stay, the step alone has to do."""

    def stage(self, name: str, stage: str) -> None:
        """Show how far a node is."""
        self._line(f"{name:{self._name_width}}  {stage}")

    def event(self, name: str, action: str) -> None:
        """Show an event of a node."""
        self._line(f"{name:{self._name_width}}  event: {printable(action)}")

    def log(self, name: str, text: str) -> None:
        """Show a line of a node's log."""
        self._line(f"{name:{self._name_width}}  log: {printable(text)}")

    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _line(self, text: str) -> None:
        self.say(f"{self._seconds():6.2f} s  {text}")

    def _write(self, text: str) -> None:
        """Write at once; a reader that went away (`| head`, a closed terminal) is no reason to leave a lab behind."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.close(nowhere)
            with suppress(OSError):
                sys.stdout.flush()


@dataclass
class Row:
    """What is known of a node."""

    name: str
    stage: str = "waiting"
    event: str = ""
    log: str = ""


class TerminalDisplay(Display):
    """A block of lines at the bottom of the terminal, one per node, under a line about the whole."""

    def __init__(self, names: Sequence[str]) -> None:
        """Show the nodes of these names."""
        super().__init__(names)
        self._rows = {name: Row(name) for name in names}
        self._step = self._progress = ""
        self._events = self._logs = 0
        self._drawn = 0
        self._colourful = not os.environ.get("NO_COLOR")

    def __enter__(self) -> Self:
        self._write(HIDE_CURSOR)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the block away and give the cursor back."""
        self._write(self._to_top() + TO_SCREEN_END + SHOW_CURSOR)

    async def keep_drawing(self) -> None:
        """Draw a frame at a time: what happens in between costs nothing."""
        while True:
            self._draw()
            await anyio.sleep(1 / FRAMES_PER_SECOND)

    def say(self, text: str) -> None:
        """Show lines that stay, above the block."""
        self._write(self._to_top() + TO_SCREEN_END + text + "\n")
        self._draw()

    def step(self, text: str) -> None:
        """Show it above the nodes."""
        self._step, self._progress = text, ""

    def progress(self, fraction: float) -> None:
        """Show it behind the step."""
        self._progress = f" {fraction:.0%}"

    def stage(self, name: str, stage: str) -> None:
        """Show it behind the node's name."""
        self._rows[name].stage = stage

    def event(self, name: str, action: str) -> None:
        """Show the last one of each node."""
        self._rows[name].event = printable(action)
        self._events += 1

    def log(self, name: str, text: str) -> None:
        """Show the last one of each node."""
        self._rows[name].log = printable(text)
        self._logs += 1

    def _draw(self) -> None:
        """Write over the lines of the last frame; what is too wide or too high for the terminal is cut."""
        width, height = shutil.get_terminal_size()
        rows = list(self._rows.values())
        shown = rows if len(rows) <= height - 3 else rows[: max(height - 4, 0)]
        lines = [self._head(width), *(self._row(row, width) for row in shown)]
        if len(shown) < len(rows):
            lines.append(self._paint(f"  ... and {len(rows) - len(shown)} more"[:width], DIM))
        body = "".join(f"{line}{TO_LINE_END}\n" for line in lines)
        self._write(self._to_top() + NO_WRAP + body + TO_SCREEN_END + WRAP)
        self._drawn = len(lines)

    def _head(self, width: int) -> str:
        text = f"{self._step}{self._progress}  {self._seconds():.1f} s, {self._events} events, {self._logs} log lines"
        return self._paint(text[:width], BOLD)

    def _row(self, row: Row, width: int) -> str:
        """Name, stage, last event and last line of the log, as far as they fit."""
        event = row.event.partition(":")[0]  # without the command of an exec_start
        columns = (
            (f"  {row.name:{self._name_width}}", BOLD),
            (f"  {row.stage:12.12}", COLOURS.get(row.stage, YELLOW)),
            (f"  {event:11.11}", CYAN),
            (f"  {row.log}", DIM),
        )
        line = ""
        for text, colour in columns:
            line += self._paint(text[:width], colour)
            width = max(width - len(text), 0)
        return line

    def _paint(self, text: str, colour: int) -> str:
        return f"\x1b[{colour}m{text}\x1b[0m" if self._colourful and text else text

    def _to_top(self) -> str:
        """Go to the first line of the block, which is about to be written over."""
        lines, self._drawn = self._drawn, 0
        return f"\x1b[{lines}F" if lines else ""


def make_display(names: Sequence[str]) -> Display:
    """Make the display that fits where the output goes."""
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    kind: Callable[[Sequence[str]], Display] = TerminalDisplay if is_terminal else Display
    return kind(names)


def printable(text: str) -> str:
    """Take out what would move the cursor or ring the bell: containers write what they like."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out rows in columns."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    rule = ["-" * width for width in widths]
    lines = (
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) for row in (head, rule, *rows)
    )
    return "\n".join(line.rstrip() for line in lines)
