"""The catalogue, imports and findings as tables for the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Column, Table
from rich.text import Text

from alphapanda.data.holdings import Day, Holding, View
from alphapanda.data.importers.importing import Account, Became
from alphapanda.research.table import count, number, summary_table

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60
"""Days in a sparkline; more are thinned out."""

SHOWN_DAYS = 10
SHOWN_NOTES = 8
SHOWN_INSTRUMENTS = 5
SHOWN_HOLDINGS = 30
NAME_WIDTH = 20
SHOWN_FILES = 30
SHOWN_NAMES = 3


def account_table(account: Account) -> RenderableType:
    """Return what an import did: rows by fate, and what was written."""
    fates = [("read", count(account.read)), ("new", count(account.new)),
             ("already there", count(account.already))]  # fmt: skip
    drops = [(f"dropped: {why}", count(n)) for why, (n, _) in account.dropped.items()]
    what = sorted({f"{part.kind} {part.interval}".strip() for part in account.parts})
    written = [("files written", count(len(account.parts))), ("kinds", ", ".join(what) or "–")]
    parts: list[RenderableType] = [
        summary_table([("Rows", [*fates, *drops]), ("Catalogue", written)], title="import")
    ]
    parts.append(_became_table(account.became))
    parts += [
        Text(f"first {why}: {first}", style="yellow") for why, (_, first) in account.dropped.items()
    ]
    notes = account.notes[:SHOWN_NOTES]
    if len(account.notes) > SHOWN_NOTES:
        notes.append(f"... and {len(account.notes) - SHOWN_NOTES} more notes (--json has all)")
    parts += [Text(f"note: {note}", style="yellow") for note in notes]
    parts += [
        Text(f"instruments: {file} (use it as --instruments)") for file in account.instruments
    ]
    if not account.new:
        parts.append(Text("nothing new: every row is there already or was dropped", style="bold"))
    return Group(*parts)


def _became_table(became: Sequence[Became]) -> Table:
    table = _table("file", "instrument", "kind", right=("rows", "dropped", "sorted"))
    table.add_column("first to last, times in the file")
    for each in became[:SHOWN_FILES]:
        names = list(each.instruments[:SHOWN_NAMES])
        more = len(each.instruments) - len(names)
        told = ", ".join(names) + (f" and {count(more)} more" if more else "")
        lost = "; ".join(f"{count(n)} {why}" for why, n in each.dropped.items())
        table.add_row(
            Text(Path(each.file).name), Text(told), f"{each.kind} {each.interval}".strip(),
            count(each.kept), Text(lost or "–"), count(each.sorted),
            f"{each.first} to {each.last}, {each.zone}",
        )  # fmt: skip
    if len(became) > SHOWN_FILES:
        table.add_row(f"... and {count(len(became) - SHOWN_FILES)} more (--json has all)")
    return table


def catalogue_table(root: Path, held: Sequence[Holding]) -> RenderableType:
    """Return what a catalogue holds, a row for each instrument, kind and interval."""
    table = _table("instrument", "kind", right=("days", "rows", "size", "from", "to"))
    table.columns[0].min_width, table.padding = NAME_WIDTH, (0, 0, 0, 1)
    of_kind = groupby(held, key=lambda each: f"{each.kind} {each.interval}".strip())
    for kind, of in ((kind, list(group)) for kind, group in of_kind):
        for each in of[:SHOWN_HOLDINGS]:
            table.add_row(
                Text(each.name), kind, count(each.days), count(each.rows), size(each.size),
                str(each.first), str(each.last),
            )  # fmt: skip
        if more := of[SHOWN_HOLDINGS:]:
            table.add_row(
                f"... and {count(len(more))} more", kind, "", count(sum(e.rows for e in more)),
                size(sum(e.size for e in more)), str(min(e.first for e in more)),
                str(max(e.last for e in more)),
            )  # fmt: skip
    rows, bytes_ = sum(each.rows for each in held), sum(each.size for each in held)
    names = len({each.name for each in held})
    end = f"{root}: {count(names)} instruments, {count(rows)} rows, {size(bytes_)}"
    return Group(table, Text(end))


def instrument_table(view: View) -> RenderableType:
    """Return one instrument: its days, a line of closes, its first and last rows."""
    title = f"{view.name}  {view.kind} {view.interval}".rstrip()
    days = view.days
    rows = sum(day.rows for day in days)
    facts = [("days", count(len(days))), ("rows", count(rows)), ("from", str(days[0].day)),
             ("to", str(days[-1].day))]  # fmt: skip
    prices = [("lowest", number(min(day.low for day in days))),
              ("highest", number(max(day.high for day in days))),
              ("last", number(days[-1].close))]  # fmt: skip
    return Group(
        summary_table([("Rows", facts), ("Price", prices)], title=title),
        Text(f"  {sparkline([d.close for d in days])}  last of {days[0].day} to {days[-1].day}"),
        _days_table(days), _rows_table(view),
    )  # fmt: skip


def check_table(report: Any) -> RenderableType:
    """Return the findings of a check, a row for each kind and instrument."""
    lines: list[RenderableType] = [
        Text(f"checked {count(report.rows)} rows of {count(report.instruments)} instruments, "
             f"{report.first} to {report.last}")
    ]  # fmt: skip
    lines += [Text(f"note: {note}", style="yellow") for note in report.notes[:SHOWN_NOTES]]
    if not report.findings:
        return Group(*lines, Text("no findings", style="bold green"))
    table = _table("finding", "instrument", right=("count", "days"))
    table.add_column("first", overflow="fold")
    for kind, of in groupby(report.findings, key=lambda each: each.kind):
        listed = list(of)
        for each in listed[:SHOWN_INSTRUMENTS]:
            days = count(len(each.days)) if each.days else "–"
            first = Text(re.sub(r"(\S*/)(\S+ row)", r"\2", each.first))
            table.add_row(
                Text(kind, style="red"), Text(each.instrument), count(each.count), days, first
            )
        if more := listed[SHOWN_INSTRUMENTS:]:
            rest = f"... and {len(more)} more"
            table.add_row(Text(kind, style="red"), rest, count(sum(each.count for each in more)))
    rules = dict.fromkeys(f"{each.kind}: {each.rule}" for each in report.findings)
    return Group(*lines, table, *(Text(rule, style="dim") for rule in rules))


def sparkline(values: Sequence[float]) -> str:
    """Return values as a line of bars, at most 60."""
    step = max(1, -(-len(values) // WIDTH))
    shown = list(values)[::-1][::step][::-1]
    low, span = min(shown), (max(shown) - min(shown)) or 1
    return "".join(BARS[min(7, int((value - low) / span * 8))] for value in shown)


def size(bytes_: int) -> str:
    """Return a size of a file: 12.3 kB."""
    for unit in ("B", "kB", "MB"):
        if bytes_ < 1000:
            return f"{bytes_:.0f} B" if unit == "B" else f"{bytes_:.1f} {unit}"
        bytes_ /= 1000  # type: ignore[assignment]
    return f"{bytes_:.1f} GB"


def _days_table(days: Sequence[Day]) -> Table:
    table = _table("day", right=("rows", "first", "high", "low", "last", "volume"))
    shown: list[Day | None] = list(days)
    if len(days) > 2 * SHOWN_DAYS:
        shown = [*days[:SHOWN_DAYS], None, *days[-SHOWN_DAYS:]]
    for day in shown:
        if day is None:
            table.add_row(f"... {len(days) - 2 * SHOWN_DAYS} more")
            continue
        prices = (number(price) for price in (day.open, day.high, day.low, day.close))
        table.add_row(str(day.day), count(day.rows), *prices, count(day.volume))
    return table


def _rows_table(view: View) -> Table:
    table = _table(right=view.columns[1:])
    table.columns.insert(0, Column("time", no_wrap=True))
    for row in view.head:
        table.add_row(*map(_cell, row))
    if view.tail:
        table.add_section()
    for row in view.tail:
        table.add_row(*map(_cell, row))
    return table


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return number(value)
    return count(value) if isinstance(value, int) else str(value)


def _table(*left: str, right: Sequence[str] = ()) -> Table:
    table = Table(box=box.ROUNDED, border_style="dim")
    for name in left:
        table.add_column(name, overflow="fold")
    for name in right:
        table.add_column(name, justify="right")
    return table
