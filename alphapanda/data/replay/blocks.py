"""Rows as named arrays on their way to the core: cut, joined, ordered, compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import IST
from alphapanda.model.columns import Int64

Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
Block = dict[str, NDArray[Any]]
"""Arrays of one length by name: ts, row, pos, the value columns, and late where rows are."""

POSITION_BITS = 40
"""A row's position is its file's number shifted by this, plus its number in the file from 0."""

NOT_COMPARED = frozenset({"ts", "row", "pos", "late"})
"""Arrays of a block that say where a row is, not what."""

PRIME = np.uint64(0x9E3779B97F4A7C15)
PAIR = 2
RADIX_MAX = np.iinfo(np.int16).max
"""NumPy sorts 16-bit keys by radix, in linear time."""


def take(block: Block, keep: Mask | Places) -> Block:
    """Return these rows of a block."""
    return {name: column[keep] for name, column in block.items()}


def part(block: Block, start: int, stop: int) -> Block:
    """Return rows [start, stop) without copying."""
    return {name: column[start:stop] for name, column in block.items()}


def joined(blocks: Sequence[Block]) -> Block:
    """Return blocks as one."""
    if len(blocks) == 1:
        return blocks[0]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def writable(block: Block) -> Block:
    """Return a block whose arrays can be written to.

    A kernel compiled for writable arrays would be compiled again for read-only ones.
    """
    return {
        name: column if column.flags.writeable else column.copy() for name, column in block.items()
    }


def regrouped(pieces: Iterable[Block], size: int) -> Iterator[Block]:
    """Yield blocks of at most `size` rows (more where one time has more), never cutting a time.

    Where it cuts depends on the rows alone, not on how the pieces came.
    """
    held: list[Block] = []
    count = 0
    for piece in pieces:
        held.append(piece)
        count += len(piece["ts"])
        if count <= size:
            continue
        block = joined(held)
        start = 0
        while (stop := _cut(block["ts"], start, size)) is not None:
            yield writable(part(block, start, stop))
            start = stop
        held = [part(block, start, count)]
        count -= start
    if count:
        yield writable(joined(held))


def by_instrument(block: Block) -> Block:
    """Return a block, whose times do not fall, with the rows of each time by instrument.

    Of one instrument and time, late rows come last.
    """
    ts, row, late = block["ts"], block["row"], block.get("late")
    tie = ts[1:] == ts[:-1]
    if late is None and not (tie & (row[1:] < row[:-1])).any():
        return block
    key = np.cumsum(np.append(False, ~tie)) * (int(row.max(initial=0)) + 1) + row
    if late is not None:
        key = 2 * key + late
    return take(block, np.argsort(key, kind="stable"))


def grouping(row: NDArray[Any]) -> Places:
    """Return the order that puts rows of one instrument together and keeps theirs."""
    if row.min() == row.max():
        return np.arange(len(row))
    small = row.astype(np.int16) if row.max() <= RADIX_MAX else row
    return np.argsort(small, kind="stable")


def heads(group: NDArray[Any]) -> Places:
    """Return where each run of equal values starts."""
    return np.append(0, np.flatnonzero(group[1:] != group[:-1]) + 1)


def before_each(values: Int64, head: Places, before: Int64) -> Int64:
    """Return the value before each, within its run; `before` stands before each run's first."""
    previous = np.empty_like(values)
    previous[1:] = values[:-1]
    previous[head] = before
    return previous


def peak_before_each(values: Int64, head: Places, previous: Int64) -> Int64:
    """Return the greatest value before each, within its run, from the value before each."""
    peaks = previous.copy()
    for start, stop in zip(head, np.append(head[1:], len(values)), strict=True):
        reached = np.maximum.accumulate(np.maximum(values[start:stop], previous[start]))
        peaks[start + 1 : stop] = reached[:-1]
    return peaks


def contained(pos: Int64, among: Int64) -> Mask:
    """Tell which positions are among these, which are ascending and not empty."""
    at = np.minimum(np.searchsorted(among, pos), len(among) - 1)
    return np.asarray(among[at] == pos)


def repeated(block: Block) -> Mask | None:
    """Tell which rows repeat an earlier row of the same time and instrument, or None.

    Rows lie by (ts, row).
    """
    ts, row = block["ts"], block["row"]
    same = (ts[1:] == ts[:-1]) & (row[1:] == row[:-1])
    if not same.any():
        return None
    columns = [column for name, column in block.items() if name not in NOT_COMPARED]
    bad = np.zeros(len(ts), dtype=np.bool_)
    later = np.flatnonzero(same) + 1
    bad[later[_equal(columns, later, later - 1)]] = True
    if (same[1:] & same[:-1]).any():
        bad |= _repeated_apart(columns, same)
    return bad if bad.any() else None


def time_text(ts: int) -> str:
    """Return ns UTC as text in IST, to the ns."""
    return str(np.datetime64(ts + IST, "ns")).replace("T", " ")


# The end of the block that starts at `start`: the last change of time within `size` rows, or the
# first beyond; None if the rows do not reach so far.
def _cut(ts: Int64, start: int, size: int) -> int | None:
    if start + size >= len(ts):
        return None
    after = ts[start + size]
    stop = start + int(np.searchsorted(ts[start : start + size], after, side="left"))
    if stop > start:
        return stop
    stop = start + int(np.searchsorted(ts[start:], after, side="right"))
    return None if stop == len(ts) else stop


# Of three or more rows of one time a repeat may lie apart from its like: bring them together by
# a hash.
def _repeated_apart(columns: list[NDArray[Any]], same: Mask) -> Mask:
    group = np.cumsum(np.append(True, ~same))
    member = np.flatnonzero(np.bincount(group)[group] > PAIR)
    keys = [group, *columns]
    mixed = np.zeros(len(member), dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ key[member].astype(np.int64).view(np.uint64)) * PRIME
        mixed ^= mixed >> np.uint64(31)
    order = member[np.argsort(mixed, kind="stable")]
    bad = np.zeros(len(group), dtype=np.bool_)
    bad[order[1:][_equal(keys, order[1:], order[:-1])]] = True
    return bad


def _equal(columns: list[NDArray[Any]], left: Places, right: Places) -> Mask:
    equal = np.ones(len(left), dtype=np.bool_)
    for column in columns:
        equal &= column[left] == column[right]
    return equal
