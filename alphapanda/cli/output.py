"""A command's result on stdout: a table or page for people, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table

WIDEST = 10_000
"""Columns of a line at most, where no terminal has fewer."""


def print_table(what: RenderableType, *, whole: bool = False) -> None:
    """Print on stdout, by its own hands: rich leaves the process when the reader has gone.

    With `whole`, lines are as long as they need to be where stdout is no terminal.
    """
    console = Console()
    if whole and not console.is_terminal:
        console.width = WIDEST
        console.width = max(1, console.measure(what).maximum)
    with console.capture() as text:
        console.print(what)
    sys.stdout.write(text.get())


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
    sys.stdout.write(json.dumps(facts, ensure_ascii=False) + "\n")
