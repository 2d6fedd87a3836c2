"""A run's figures as a table for the terminal, and numbers as India writes them.

What is undefined comes as None and shows as a dash.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from alphapanda.model.money import PAISA

Section = tuple[str, Sequence[tuple[str, str]]]
"""A heading and its rows of (label, value)."""

DASH = "–"
WIDTH = 80
"""Columns of the table: no wider, as eyes lose the line between label and value."""

_EDGES = 4
_GAP = 4
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def summary_table(sections: Sequence[Section], *, title: str = "", width: int = WIDTH) -> Table:
    """Return the sections as a table of `width` columns, but 80 at most.

    Sections keep their order. Two stand side by side where there are 80 columns for them and no
    row of theirs needs more than its half. It says the same without colour; values too long are
    folded, empty sections left out.
    """
    inner = min(width, WIDTH) - _EDGES
    half = (inner - _GAP) // 2 if width >= WIDTH else 0
    table = Table(
        title=Text(title, style="bold") if title else None,
        box=box.ROUNDED,
        show_header=False,
        border_style="dim",
    )
    table.add_column(width=inner)
    for line in _lines([section for section in sections if section[1]], half):
        if table.row_count:
            table.add_section()
        table.add_row(_side_by_side(line, inner=inner, half=half))
    return table


def _lines(sections: Iterable[Section], half: int) -> Iterator[list[Section]]:
    # One section that is wider than a half, or up to two that are not.
    waiting: list[Section] = []
    for section in sections:
        alone = _needs(section) > half
        if waiting and (alone or len(waiting) > 1):
            yield waiting
            waiting = []
        waiting.append(section)
        if alone:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _needs(section: Section) -> int:
    return max(cell_len(label) + 2 + cell_len(value) for label, value in section[1])


def _side_by_side(line: Sequence[Section], *, inner: int, half: int) -> Table:
    if _needs(line[0]) > half:
        return _section(line[0], width=inner)
    grid = Table.grid(padding=(0, _GAP, 0, 0), pad_edge=False)
    for _ in line:
        grid.add_column(width=half)
    grid.add_row(*(_section(section, width=half) for section in line))
    return grid


def _section(section: Section, *, width: int) -> Table:
    heading, rows = section
    grid = Table.grid(padding=(0, 2, 0, 0), pad_edge=False)
    grid.width = width
    grid.title, grid.title_justify = Text(heading, style="bold"), "left"
    grid.add_column(style="dim", no_wrap=True)
    # What has to be folded, such as a path, reads better from the left.
    folded = _needs(section) > width
    grid.add_column(justify="left" if folded else "right", ratio=1, overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label), Text(value))
    return grid


def money(scaled: int | None) -> str:
    """Return scaled money in rupees and paise: ``₹12,34,567.89``, half a paisa away from zero."""
    if scaled is None:
        return DASH
    paise = (2 * abs(int(scaled)) + PAISA) // (2 * PAISA)
    sign = "-" if scaled < 0 and paise else ""
    return f"{sign}₹{_grouped(paise // 100)}.{paise % 100:02d}"


def count(n: int | None) -> str:
    """Return a whole number in Indian groups: ``12,34,567``."""
    if n is None:
        return DASH
    return f"{'-' if n < 0 else ''}{_grouped(abs(int(n)))}"


def percent(fraction: float | None, *, digits: int = 2) -> str:
    """Return a fraction in per cent: ``12.35%`` of 0.12345."""
    shown = number(None if fraction is None else 100 * fraction, digits=digits)
    return shown if shown == DASH else f"{shown}%"


def number(x: float | None, *, digits: int = 2) -> str:
    """Return a plain number, such as a ratio, in Indian groups: ``1.25``."""
    if x is None or not math.isfinite(x):
        return DASH
    whole, point, fraction = f"{abs(x):.{digits}f}".partition(".")
    sign = "-" if x < 0 and (whole + fraction).strip("0") else ""
    return f"{sign}{_grouped(int(whole))}{point}{fraction}"


def duration(seconds: float | None) -> str:  # noqa: PLR0911 (one return a unit)
    """Return a time span in its two greatest units: ``83 ms``, ``2.5 s``, ``6 h 15 min``."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 0:
        return f"-{duration(-seconds)}"
    if seconds < 0.0009995:  # beyond this it would read 1000 µs
        return f"{1e6 * seconds:.0f} µs"
    if seconds < 0.9995:
        return f"{1000 * seconds:.3g} ms"
    if seconds < _MINUTE - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE:02d} s"
    minutes = round(seconds / _MINUTE)
    if minutes < _DAY // _MINUTE:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / _HOUR)
    return f"{_grouped(hours // 24)} d {hours % 24} h"


def _grouped(whole: int) -> str:
    # The last three digits, and pairs before them: lakhs and crores.
    digits = str(whole)
    head, tail = digits[:-3], digits[-3:]
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return ",".join([*reversed(pairs), tail])
