"""A command's result on stdout: a table or page for people, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.table import Table

from alphapanda.cli.steering import STEERING, clean

WIDEST = 10_000
"""Columns of a line at most, where no terminal has fewer."""


def print_table(what: RenderableType, *, whole: bool = False) -> None:
    """Write to stdout directly: rich ends the process when the reader has gone.

    With `whole`, lines are as long as they need to be where stdout is no terminal.
    """
    console = Console()
    if whole and not console.is_terminal:
        console.width = WIDEST
        console.width = max(1, console.measure(what).maximum)
    with console.capture() as text:
        console.print(Cleaned(what))
    sys.stdout.write(text.get())


class Cleaned:
    """Something to print in which nothing but its styles moves the cursor: others wrote it."""

    def __init__(self, what: RenderableType) -> None:
        self.what = what

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield its segments."""
        for part in console.render(self.what, options):
            yield part if part.control else Segment(clean(part.text), part.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Return how wide it is."""
        return Measurement.get(console, options, self.what)


def whole_table(*, columns: Sequence[str] = (), numbers: Sequence[str] = ()) -> Table:
    """Return a table without rows whose values are folded, never cut; without names, of facts."""
    if not columns:
        table = Table(box=box.SIMPLE, show_header=False)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        return table
    table = Table(box=box.SIMPLE_HEAD)
    for name in columns:
        table.add_column(name, overflow="fold")
    for name in numbers:
        table.add_column(name, justify="right", overflow="fold")
    return table


def print_json(facts: Mapping[str, Any]) -> None:
    """Print one JSON object on stdout."""
    text = json.dumps(facts, ensure_ascii=False)
    sys.stdout.write(STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n")
