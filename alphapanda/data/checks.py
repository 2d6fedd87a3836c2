"""What market data must be to be run, checked on arrays: the survey first, then the rows.

A *defect* is a row that breaks a rule. Without repair the first one stops the run; with repair
such rows are dropped and counted by kind. The survey reads only times and instruments, in file
order, because a step back in time can only be seen there; everything else is checked on its way
to the core, in running order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from alphapanda.data.schema import (
    BAR_PRICES,
    DAY_NS,
    FRACTION,
    IST_NS,
    NULL,
    PRICES,
    QUANTITIES,
    Kind,
)
from alphapanda.model.columns import Int64
from alphapanda.model.money import BOUND

Mask = NDArray[np.bool_]
Block = dict[str, NDArray[np.integer]]
"""Rows as arrays of one length by name: ts, row, pos and the value columns."""

POSITION_BITS = 40
"""A row's position is its file's number shifted by this, plus its number in the file from 0."""

NOT_SELECTED = -2
"""Instrument row of a row that the user did not ask for: passed over without a word."""

NOT_COMPARED = frozenset({"ts", "row", "pos", "late"})
"""Arrays of a block that say where a row is, not what."""

NO_TIME = np.iinfo(np.int64).min
PRIME = np.uint64(0x9E3779B97F4A7C15)
RADIX_MAX = np.iinfo(np.int16).max
"""NumPy sorts 16-bit keys by radix, in linear time."""


class Defect(Exception):
    """The first row that breaks a rule, where repair was not asked for."""

    def __init__(self, kind: str, field: str, pos: int, detail: str) -> None:
        super().__init__(f"{kind}: {field} at {pos}: {detail}")
        self.kind, self.field, self.pos, self.detail = kind, field, pos, detail


class Survey:
    """One pass over times and instruments in file order: days, order, steps back, intervals."""

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
        block = take(block, None if block["row"].min() >= -1 else block["row"] != NOT_SELECTED)
        self.rows += len(block["ts"])
        block = self._drop_unplaced(block)
        if not len(block["ts"]):
            return
        files = block["pos"] >> POSITION_BITS
        if files[0] == files[-1]:
            self._add_file(int(files[0]), block)
            return
        edges = [0, *(np.flatnonzero(np.diff(files)) + 1).tolist(), len(files)]
        for start, stop in zip(edges, edges[1:], strict=False):
            part = {name: column[start:stop] for name, column in block.items()}
            self._add_file(int(files[start]), part)

    def backward(self) -> Int64:
        """Return the positions of the rows that step back in time, ascending."""
        return np.concatenate([np.empty(0, np.int64), *self._backward])

    def _drop_unplaced(self, block: Block) -> Block:
        ts, row = block["ts"], block["row"]
        if ts.min() > 0 and row.min() >= 0:
            return block
        missing, nameless = ts == NULL, row < 0
        for kind, field, mask, detail in (
            ("null", "ts", missing, "no time, or not one that can be read"),
            ("invalid time", "ts", (ts <= 0) & ~missing, "a time before 1970"),
            ("null", "instrument", nameless & (ts > 0), "no instrument"),
        ):
            self._count(kind, field, mask, block=block, detail=detail)
        return take(block, (ts > 0) & ~nameless)

    def _count(self, kind: str, field: str, mask: Mask, *, block: Block, detail: str) -> None:
        found = int(mask.sum())
        if found and not self._repair:
            raise Defect(kind, field, int(block["pos"][int(mask.argmax())]), detail)
        if found:
            self.dropped[kind] += found

    def _add_file(self, file: int, block: Block) -> None:
        if file != self._file:
            self._file = file
            self._latest.fill(NO_TIME)
        ts, row = block["ts"], block["row"]
        forward = bool((ts[1:] >= ts[:-1]).all()) and ts[0] >= self._latest.max()
        if not forward or self._bars:
            ts = self._by_instrument(block)
        elif len(self._latest) == 1:
            self._latest[0] = ts[-1]
        else:
            self._latest[row] = ts
        if not len(ts):
            return
        self.in_order &= ts[0] >= self._end and (forward or bool((ts[1:] >= ts[:-1]).all()))
        self._end = max(self._end, int(ts.max()))
        self._count_days(ts)

    # Returns the times that are kept, in file order.
    def _by_instrument(self, block: Block) -> Int64:
        order = grouping(block["row"])
        ts, row = block["ts"][order], block["row"][order]
        head = heads(row)
        previous = shifted(ts, head, self._latest[row[head]])
        bad = ts < previous
        if bad.any():
            bad = below_peak(ts, head, previous)
            self._report_backward(block["pos"][order], ts, bad=bad, previous=previous)
        if self._bars:
            known = (previous != NO_TIME) & ~bad & (ts > previous)
            self._count_steps((ts - previous)[known])
        tails = np.append(head[1:], len(ts)) - 1
        self._latest[row[tails]] = np.maximum(
            self._latest[row[tails]], np.maximum.reduceat(ts, head)
        )
        return block["ts"][np.sort(order[~bad])]

    def _report_backward(self, pos: Int64, ts: Int64, *, bad: Mask, previous: Int64) -> None:
        if not self._repair:
            first = int(np.flatnonzero(bad)[np.argmin(pos[bad])])
            detail = f"time steps back behind {time_text(int(previous[first]))}"
            raise Defect("backward", "ts", int(pos[first]), detail)
        self.in_order = False
        self._backward.append(np.sort(pos[bad]))

    def _count_steps(self, steps: Int64) -> None:
        counter = self.steps.setdefault(self._file, Counter())
        for step, count in zip(*np.unique(steps, return_counts=True), strict=True):
            counter[int(step)] += int(count)

    def _count_days(self, ts: Int64) -> None:
        first, last = ((int(edge) + IST_NS) // DAY_NS for edge in (ts.min(), ts.max()))
        if first == last:
            self.days[first] += len(ts)
            return
        days, counts = np.unique((ts + IST_NS) // DAY_NS, return_counts=True)
        for day, count in zip(days.tolist(), counts.tolist(), strict=True):
            self.days[day] += count


class Checks:
    """The rules for values, repeats and cumulative volume, in running order."""

    def __init__(
        self, *, kind: Kind, fields: tuple[str, ...], instruments: int, repair: bool
    ) -> None:
        self.dropped: Counter[str] = Counter()
        self._kind, self._fields, self._repair = kind, fields, repair
        self._volume = np.zeros(instruments, dtype=np.int64)
        self._volume_day = np.zeros(instruments, dtype=np.int64)

    def values(self, block: Block) -> Block:
        """Return the rows whose prices and quantities are legal.

        Raises: Defect for a fraction, and for any other defect unless repairing.
        """
        found = [
            (field, mask)
            for field in self._fields
            if (mask := _outside(block[field], least=self._least(field))) is not None
        ]
        if self._kind == "bar":
            found.append(("high", _inconsistent(block)))
        found = [(field, mask) for field, mask in found if mask.any()]
        if not found:
            return block
        self._refuse_fractions(block, found)
        if not self._repair:
            raise self._first_defect(block, found)
        bad = np.zeros(len(block["ts"]), dtype=np.bool_)
        for field, mask in found:
            for number in block[field][mask & ~bad].tolist():
                self.dropped[self._kind_of(field, number)] += 1
            bad |= mask
        return take(block, ~bad)

    def repeats(self, block: Block) -> Block:
        """Return the rows without exact repeats; all rows of one time must be in one block.

        Raises: Defect unless repairing.
        """
        bad = repeated(block)
        if bad is None:
            return block
        if not self._repair:
            pos = int(block["pos"][int(bad.argmax())])
            raise Defect("duplicate", "ts", pos, "the row repeats an earlier one exactly")
        self.dropped["duplicate"] += int(bad.sum())
        return take(block, ~bad)

    def late(self, block: Block) -> Block:
        """Return the rows without those the survey found to step back in time."""
        if "late" not in block:
            return block
        late = block["late"].astype(np.bool_)
        self.dropped["backward"] += int(late.sum())
        return take(block, ~late)

    def volumes(self, block: Block) -> Block:
        """Return the rows whose cumulative volume does not fall within an IST day.

        Raises: Defect unless repairing.
        """
        if self._kind != "tick" or "volume" not in self._fields or not len(block["ts"]):
            return block
        order = grouping(block["row"])
        row, volume = block["row"][order], block["volume"][order]
        day = (block["ts"][order] + IST_NS) // DAY_NS
        head = heads(row)
        same_day = self._volume_day[row[head]] == day[head]
        before = np.where(same_day, self._volume[row[head]], 0)
        head = np.union1d(head, np.flatnonzero(np.diff(day)) + 1)
        carried = np.zeros(len(head), dtype=np.int64)
        carried[np.searchsorted(head, heads(row))] = before
        previous = shifted(volume, head, carried)
        bad = volume < previous
        if bad.any():
            bad = below_peak(volume, head, previous)
            self._report_volume(block, order, bad=bad, previous=previous)
        tails = np.append(head[1:], len(row)) - 1
        # Several days of an instrument lie in order, so the last assignment is its latest day.
        self._volume[row[tails]] = np.maximum(np.maximum.reduceat(volume, head), carried)
        self._volume_day[row[tails]] = day[tails]
        if not bad.any():
            return block
        keep = np.ones(len(row), dtype=np.bool_)
        keep[order[bad]] = False
        return take(block, keep)

    def _report_volume(self, block: Block, order: Int64, *, bad: Mask, previous: Int64) -> None:
        if not self._repair:
            first = int(np.flatnonzero(bad)[np.argmin(order[bad])])
            detail = f"the day's volume falls below {int(previous[first])}"
            raise Defect("backward volume", "volume", int(block["pos"][order[first]]), detail)
        self.dropped["backward volume"] += int(bad.sum())

    def _least(self, field: str) -> int:
        return 1 if field in PRICES and field not in ("bid", "ask") else 0

    def _refuse_fractions(self, block: Block, found: list[tuple[str, Mask]]) -> None:
        for field, mask in found:
            fraction = mask & (block[field] == FRACTION)
            if fraction.any():
                pos = int(block["pos"][int(fraction.argmax())])
                raise Defect("fraction", field, pos, "the quantity is not whole")

    def _first_defect(self, block: Block, found: list[tuple[str, Mask]]) -> Defect:
        field, mask = min(found, key=lambda each: int(each[1].argmax()))
        at = int(mask.argmax())
        kind = self._kind_of(field, int(block[field][at]))
        return Defect(kind, field, int(block["pos"][at]), DETAILS[kind])

    def _kind_of(self, field: str, number: int) -> str:
        if number == NULL:
            return "null"
        if number == 0 and self._kind == "quote" and field == "last":
            return "no quote"
        if self._least(field) <= number <= BOUND:
            return "inconsistent bar"
        return "invalid quantity" if field in QUANTITIES else "invalid price"


DETAILS: Mapping[str, str] = {
    "null": "the value is missing",
    "no quote": "the row has neither a bid nor an ask",
    "inconsistent bar": "high must be the highest and low the lowest of the bar's prices",
    "invalid quantity": f"a quantity must lie between 0 and {BOUND}",
    "invalid price": "a price must be above 0 (a bid or ask may be 0: none) and below 2^53/10000",
}


def take(block: Block, keep: Mask | NDArray[np.intp] | None) -> Block:
    """Return these rows of a block; None means all."""
    if keep is None:
        return block
    return {name: column[keep] for name, column in block.items()}


def grouping(row: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return the order that puts rows of one instrument together and keeps theirs."""
    if len(row) == 0 or row.min() == row.max():
        return np.arange(len(row))
    small = row.astype(np.int16) if row.max() <= RADIX_MAX else row
    return np.argsort(small, kind="stable")


def heads(group: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return where each run of equal values starts."""
    return np.append(0, np.flatnonzero(group[1:] != group[:-1]) + 1)


def shifted(values: Int64, head: NDArray[np.intp], before: Int64) -> Int64:
    """Return the value before each, within its run; `before` stands before each run's first."""
    previous = np.empty_like(values)
    previous[1:] = values[:-1]
    previous[head] = before
    return previous


def below_peak(values: Int64, head: NDArray[np.intp], previous: Int64) -> Mask:
    """Tell which values lie below the greatest before them in their run.

    `previous` becomes that greatest.
    """
    for start, stop in zip(head, np.append(head[1:], len(values)), strict=True):
        peaks = np.maximum(values[start:stop], previous[start])
        previous[start + 1 : stop] = np.maximum.accumulate(peaks)[:-1]
    return values < previous


def repeated(block: Block) -> Mask | None:
    """Tell which rows repeat an earlier row of the same time, or None; rows lie by (ts, row)."""
    ts, row = block["ts"], block["row"]
    same = (ts[1:] == ts[:-1]) & (row[1:] == row[:-1])
    if not same.any():
        return None
    columns = [column for name, column in block.items() if name not in NOT_COMPARED]
    bad = np.zeros(len(ts), dtype=np.bool_)
    later = np.flatnonzero(same) + 1
    bad[later[_equal(columns, later, later - 1)]] = True
    if (same[1:] & same[:-1]).any():
        bad |= _repeated_in_groups(columns, same)
    return bad if bad.any() else None


# Of three or more rows of one time a repeat may be apart from what it repeats: sort by a hash.
def _repeated_in_groups(columns: list[NDArray[np.integer]], same: Mask) -> Mask:
    group = np.cumsum(np.append(True, ~same))
    member = np.flatnonzero(np.bincount(group)[group] > 2)
    keys = [group, *columns]
    mixed = np.zeros(len(member), dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ key[member].astype(np.int64).view(np.uint64)) * PRIME
        mixed ^= mixed >> np.uint64(31)
    order = member[np.argsort(mixed, kind="stable")]
    bad = np.zeros(len(group), dtype=np.bool_)
    bad[order[1:][_equal(keys, order[1:], order[:-1])]] = True
    return bad


def _equal(
    columns: list[NDArray[np.integer]], left: NDArray[np.intp], right: NDArray[np.intp]
) -> Mask:
    equal = np.ones(len(left), dtype=np.bool_)
    for column in columns:
        equal &= column[left] == column[right]
    return equal


def _outside(column: NDArray[np.integer], *, least: int) -> Mask | None:
    if len(column) == 0 or (column.min() >= least and column.max() <= BOUND):
        return None
    return (column < least) | (column > BOUND)


def _inconsistent(block: Block) -> Mask:
    first, high, low, close = (block[name] for name in BAR_PRICES)
    return (high < np.maximum(first, close)) | (low > np.minimum(first, close)) | (high < low)


def time_text(ts: int) -> str:
    """Return ns UTC as IST text to the ns."""
    whole = np.datetime64(ts + IST_NS, "ns")
    return f"{str(whole).replace('T', ' ')} IST"
