"""Bars out of checked rows in running order: ticks, quotes or smaller bars, by the session's hours.

A bar covers [start, end). Within each span of continuous trading bars are counted from its start,
and the last one ends with it. Rows outside belong to no bar and are counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alphapanda.data.replay.blocks import (
    Block,
    before_each,
    grouping,
    heads,
    joined,
    take,
    time_text,
)
from alphapanda.data.replay.timeline import Placed, Timeline
from alphapanda.errors import UsageError
from alphapanda.model.calendar import DAY, IST, Phase
from alphapanda.model.columns import Columns, Int64
from alphapanda.model.interval import interval_text

FIRST, LAST, HIGHEST, LOWEST, SUM = "open", ("last", "oi"), "high", "low", "volume"
"""How each value of a bar comes from those of its rows."""


@dataclass
class LeftOut:
    """Rows that are in no bar, by phase, and the days whose first volume is not known."""

    rows: int = 0
    """All rows that came, those in bars too."""
    phases: dict[int, int] = field(default_factory=lambda: dict.fromkeys(map(int, Phase), 0))
    first_ns: int = 0
    """Of the rows outside trading hours, as is `last_ns`."""
    last_ns: int = 0
    begun: int = 0
    """Days of instruments whose first row lies within the session, behind volume unknown."""

    def count(self, ts: Int64, phase: Any) -> None:
        """Count rows by their phase."""
        self.rows += len(ts)
        for each, number in zip(*np.unique(phase, return_counts=True), strict=True):
            self.phases[int(each)] += int(number)
        outside = ts[phase == Phase.CLOSED]
        if len(outside):
            self.first_ns = self.first_ns or int(outside[0])
            self.last_ns = int(outside[-1])


@dataclass(frozen=True)
class Terms:
    """What bars are made, and of what."""

    interval_ns: int
    source_ns: int
    """The interval of the rows if they are bars, else 0."""
    names: Sequence[str]
    close_ns: int
    """When bars of a day enter, in ns after midnight IST."""

    @property
    def daily(self) -> bool:
        """Say if a bar covers a day's whole session."""
        return self.interval_ns == DAY


class Maker:
    """Makes bars of rows that come batch by batch, in order of time."""

    def __init__(self, terms: Terms, timeline: Timeline) -> None:
        self.left_out = LeftOut()
        self._terms, self._timeline = terms, timeline
        self._volume = np.zeros(len(terms.names), np.int64)
        self._volume_day = np.full(len(terms.names), -1, np.int64)

    def bars(self, batches: Iterable[Columns]) -> Iterator[Columns]:
        """Yield the bars of all rows by (end, instrument), each when no row of it can follow.

        Raises: UsageError for a bar that lies across the start of one that is to be made.
        """
        held: list[Block] = []
        for columns in batches:
            if not columns.rows:
                continue
            block = merged([*held, self._rows(columns)])
            over = block["due"] <= moments(columns, self._terms.source_ns)[-1]
            held = [take(block, ~over)]
            if over.any():
                yield as_columns(take(block, over))
        if held and len(held[0]["ts"]):
            yield as_columns(held[0])

    # Each row within a session as a bar of its own: when it ends, and when it is over for sure.
    def _rows(self, columns: Columns) -> Block:
        at = moments(columns, self._terms.source_ns)
        placed = self._timeline.place(at, columns.row)
        inside = placed.phase == Phase.OPEN
        self.left_out.count(columns.ts - self._terms.source_ns, placed.phase)
        volume = self._traded(columns, inside)
        is_bar = bool(self._terms.source_ns)
        last = columns.last
        values = {
            "open": columns.open if is_bar else last, "high": columns.high if is_bar else last,
            "low": columns.low if is_bar else last, "last": last, "volume": volume,
            "oi": columns.oi,
        }  # fmt: skip
        block = {name: value for name, value in values.items() if len(value)}
        kept = np.flatnonzero(inside)
        placed = Placed(*(column[kept] for column in placed))
        block = take({**block, "row": columns.row, "at": at}, kept)
        if self._terms.daily:
            midnight = (block["at"] + IST) // DAY * DAY - IST
            ends = {"ts": midnight + self._terms.close_ns, "due": midnight + DAY}
        else:
            end = self._ends(columns.ts[kept], block, placed)
            ends = {"ts": end, "due": end}
        del block["at"]
        return {**ends, **block}

    def _ends(self, ts: Int64, block: Block, placed: Placed) -> Int64:
        terms = self._terms
        passed = (block["at"] - placed.opened) // terms.interval_ns
        start = placed.opened + passed * terms.interval_ns
        # Where a bar that ends with its session began, its end does not tell.
        begun = np.where(ts == placed.closed, start, ts - terms.source_ns)
        across = (begun < start) & (passed > 0)
        if terms.source_ns and across.any():
            row = int(across.argmax())
            raise UsageError(
                f"{terms.names[int(block['row'][row])]}: the bar from "
                f"{time_text(int(begun[row]))[:19]} IST lies across "
                f"{time_text(int(start[row]))[11:19]}, where a bar of "
                f"{interval_text(terms.interval_ns)} begins, counted from the session's open: "
                "--bars needs ticks, smaller bars, or bars counted from the open"
            )
        made: Int64 = np.minimum(start + terms.interval_ns, placed.closed)
        return made

    # What was traded since an instrument's row before; of a day's first row nobody knows.
    def _traded(self, columns: Columns, inside: Any) -> Int64:
        if self._terms.source_ns or not len(columns.volume):
            return columns.volume if self._terms.source_ns else columns.qty
        order = grouping(columns.row)
        row, volume = columns.row[order], columns.volume[order]
        day = (columns.ts[order] + IST) // DAY
        head = heads(row)
        before = before_each(volume, head, self._volume[row[head]])
        same = before_each(day, head, self._volume_day[row[head]]) == day
        own = columns.qty[order] if len(columns.qty) else np.zeros(len(row), np.int64)
        made = np.empty(len(row), np.int64)
        made[order] = np.where(same & (volume >= before), volume - before, own)
        self.left_out.begun += int((~same & inside[order]).sum())
        tail = np.append(head[1:], len(row)) - 1
        self._volume[row[tail]], self._volume_day[row[tail]] = volume[tail], day[tail]
        return made


def moments(columns: Columns, source_ns: int) -> Int64:
    """Return when rows lie: a bar counts where its last moment is."""
    return columns.ts - 1 if source_ns else columns.ts


def merged(blocks: Sequence[Block]) -> Block:
    """Return blocks, whose rows follow each other, as one with a row for each end and instrument.

    The rows lie by end, then by instrument.
    """
    block = joined(blocks)
    if not len(block["ts"]):
        return block
    order = np.lexsort((block["row"], block["ts"]))
    block = take(block, order)
    ts, row = block["ts"], block["row"]
    head = np.flatnonzero(np.append(True, (ts[1:] != ts[:-1]) | (row[1:] != row[:-1])))
    tail = np.append(head[1:], len(ts)) - 1
    made = {name: block[name][head] for name in ("ts", "due", "row", FIRST)}
    made[HIGHEST] = np.maximum.reduceat(block[HIGHEST], head)
    made[LOWEST] = np.minimum.reduceat(block[LOWEST], head)
    made |= {name: block[name][tail] for name in LAST if name in block}
    if SUM in block:
        made[SUM] = np.add.reduceat(block[SUM], head)
    return made


def as_columns(block: Block) -> Columns:
    """Return bars as the core reads them."""
    return Columns.of(**{name: column for name, column in block.items() if name != "due"})
