"""Time bars from ticks, or larger bars from smaller ones: the one aggregator of every mode."""

from __future__ import annotations

from alphapanda.books.state import Core
from alphapanda.core.glue import close_bar, update_bar
from alphapanda.model.rows import NEVER


def add_to_bar(
    core: Core, index: int, row: int, ts: int, opened: int, high: int, low: int, close: int,
    volume: int,
) -> None:  # fmt: skip
    """Count what happened at `ts` into an instrument's bar of one interval."""
    bar = core.bars[index * core.clock[0].instruments + row]
    if bar.rows == 0:
        start_bar(core, index, row, ts)
        bar.open = opened
        bar.high = high
        bar.low = low
        bar.volume = 0
    if high > bar.high:
        bar.high = high
    if low < bar.low:
        bar.low = low
    bar.close = close
    bar.volume += volume
    bar.rows += 1


def complete_bar(core: Core, index: int, row: int, ts: int) -> None:
    """Update the indicators on a bar that a smaller one, which ends at `ts`, completes.

    Its hooks wait for the boundary, when every instrument's rows of that time have come.
    """
    bar = core.bars[index * core.clock[0].instruments + row]
    if bar.end <= ts and bar.done == 0:
        bar.done = 1
        update_bar(core, index, row)


def end_bar(core: Core, index: int, row: int) -> None:
    """Close a bar whose time is up."""
    bar = core.bars[index * core.clock[0].instruments + row]
    if bar.done == 0:
        update_bar(core, index, row)
    close_bar(core, index, row)
    bar.rows = 0


def start_bar(core: Core, index: int, row: int, ts: int) -> None:
    """Open a bar; bars are counted from the session's open, the last may be shorter."""
    clock = core.clock[0]
    interval = core.intervals[index]
    bar = core.bars[index * clock.instruments + row]
    opened = clock.midnight - 86_400_000_000_000
    closed = NEVER
    if core.config[0].always == 0:
        group = core.groups[core.instruments[row].group]
        opened = group.open
        closed = group.close
    bar.done = 0
    bar.start = opened + (ts - opened) // interval.length * interval.length
    bar.end = min(bar.start + interval.length, closed)
    if bar.end < interval.next_end:
        interval.next_end = bar.end
        if bar.end < clock.due:
            clock.due = bar.end
