"""The first pass over market data, times and instruments alone, in file order.

It finds the days, whether the rows lie in running order already, the usual step between bars, and
the rows that step back in time within an instrument of a file: these can be seen nowhere else.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from alphapanda.data.names import NOT_SELECTED
from alphapanda.data.replay.blocks import (
    POSITION_BITS,
    Block,
    Mask,
    before_each,
    grouping,
    heads,
    part,
    peak_before_each,
    take,
    time_text,
)
from alphapanda.data.replay.checks import Defect
from alphapanda.data.schema import NULL
from alphapanda.model.calendar import DAY, IST
from alphapanda.model.columns import Int64

NO_TIME = np.iinfo(np.int64).min


class Survey:
    """What the first pass found; complete when every block has been added."""

    def __init__(self, *, instruments: int, repair: bool, bars: bool) -> None:
        self.rows = 0
        self.days: Counter[int] = Counter()
        self.in_order = True
        self.dropped: Counter[str] = Counter()
        self.steps: dict[int, Counter[int]] = {}
        self._repair, self._bars = repair, bars
        self._latest = np.full(instruments, NO_TIME, dtype=np.int64)
        self._file = -1
        self._end = NO_TIME
        self._backward: list[Int64] = []

    def add(self, block: Block) -> None:
        """Take in the next rows (ts, row, pos).

        Raises: Defect unless repairing.
        """
        if block["row"].min(initial=0) <= NOT_SELECTED:
            block = take(block, block["row"] != NOT_SELECTED)
        self.rows += len(block["ts"])
        block = self._placed(block)
        if not len(block["ts"]):
            return
        files = block["pos"] >> POSITION_BITS
        for start, stop in pairwise((*heads(files).tolist(), len(files))):
            self._add_file(int(files[start]), part(block, start, stop))

    def backward(self) -> Int64:
        """Return the positions of the rows that step back in time, ascending."""
        return np.concatenate([np.empty(0, np.int64), *self._backward])

    def _placed(self, block: Block) -> Block:
        ts, row = block["ts"], block["row"]
        if ts.min(initial=1) > 0 and row.min(initial=0) >= 0:
            return block
        missing, nameless = ts == NULL, row < 0
        self._drop("null", "ts", missing, pos=block["pos"])
        self._drop("invalid time", "ts", (ts <= 0) & ~missing, pos=block["pos"])
        self._drop("null", "instrument", nameless & (ts > 0), pos=block["pos"])
        return take(block, (ts > 0) & ~nameless)

    def _drop(self, kind: str, field: str, mask: Mask, *, pos: Int64) -> None:
        found = int(mask.sum())
        if found and not self._repair:
            detail = {
                "null": f"there is no {'time' if field == 'ts' else field} that can be read",
                "invalid time": "a time must lie after 1970-01-01",
            }[kind]
            raise Defect(kind, field, int(pos[int(mask.argmax())]), detail)
        if found:
            self.dropped[kind] += found

    def _add_file(self, file: int, block: Block) -> None:
        if file != self._file:
            self._file = file
            self._latest.fill(NO_TIME)
        ts = block["ts"]
        forward = bool((ts[1:] >= ts[:-1]).all()) and ts[0] >= self._latest.max()
        if self._bars or not forward:
            ts = self._by_instrument(block)
        else:
            self._latest[block["row"]] = ts  # of several times of an instrument the last remains
        if not len(ts):
            return
        self.in_order &= bool(ts[0] >= self._end) and bool((ts[1:] >= ts[:-1]).all())
        self._end = max(self._end, int(ts.max()))
        self._count_days(ts)

    # Returns the times without those that step back, in file order.
    def _by_instrument(self, block: Block) -> Int64:
        order = grouping(block["row"])
        ts, row = block["ts"][order], block["row"][order]
        head = heads(row)
        previous = before_each(ts, head, self._latest[row[head]])
        bad = ts < previous
        if bad.any():
            previous = peak_before_each(ts, head, previous)
            bad = ts < previous
            self._add_backward(block["pos"][order], bad=bad, previous=previous)
        if self._bars:
            self._count_steps((ts - previous)[(previous != NO_TIME) & (ts > previous)])
        latest = np.maximum.reduceat(ts, head)
        self._latest[row[head]] = np.maximum(self._latest[row[head]], latest)
        kept: Int64 = block["ts"][np.sort(order[~bad])]
        return kept

    def _add_backward(self, pos: Int64, *, bad: Mask, previous: Int64) -> None:
        if not self._repair:
            first = int(np.flatnonzero(bad)[np.argmin(pos[bad])])
            detail = f"it steps back behind {time_text(int(previous[first]))} IST"
            raise Defect("backward", "ts", int(pos[first]), detail)
        self.in_order = False
        self._backward.append(np.sort(pos[bad]))

    def _count_steps(self, steps: Int64) -> None:
        counter = self.steps.setdefault(self._file, Counter())
        for step, count in zip(*np.unique(steps, return_counts=True), strict=True):
            counter[int(step)] += int(count)

    def _count_days(self, ts: Int64) -> None:
        first, last = ((int(edge) + IST) // DAY for edge in (ts.min(), ts.max()))
        if first == last:
            self.days[first] += len(ts)
            return
        days, counts = np.unique((ts + IST) // DAY, return_counts=True)
        for day, count in zip(days.tolist(), counts.tolist(), strict=True):
            self.days[day] += count
