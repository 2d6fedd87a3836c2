"""The path of each instrument's price through a run, in pieces, as reports and excursions read it.

A piece is a stretch of rows of one instrument: the times of its first and last row, its first,
highest, lowest and last price, and the volume of its bars (of ticks, which tell the day's so far,
0). Pieces end at fixed steps of time, chosen so that their number stays small
however long the run, and at every fill, so that no piece lies on both sides of one: what a price
did while a position was open is known to the row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from alphapanda.model.calendar import IST
from alphapanda.model.columns import Columns
from alphapanda.research.events import decimals, labels, times
from alphapanda.research.tables import arrow, integers, scaled

Int64 = NDArray[np.int64]

PIECES = 300_000
"""Pieces of a run that time alone makes; fills add at most one each."""
PIECES_EACH = 8_000
"""The same of one instrument."""

WAIT_ROWS = 65_536
"""Smaller batches are put together first: a batch of one row costs as much as one of thousands."""

SESSION_S = 22_500
_STEPS_S = (1, 5, 15, 60, 300, 900, 3_600, 86_400, 7 * 86_400, 28 * 86_400)
_READ = ("ts", "row", "last", "high", "low", "open", "volume")
_FIELDS = ("row", "ts", "last_ts", "high", "low", "last", "open", "volume", "cut")


def step_ns(days: int, instruments: int) -> int:
    """Return the least step that keeps the pieces of so many days and instruments few."""
    return step_within(days, min(PIECES_EACH, PIECES // max(instruments, 1)))


def step_within(days: int, room: int) -> int:
    """Return the least step in ns of which so many trading days have no more than `room`."""
    for step in _STEPS_S:
        pieces = days * max(SESSION_S // step, 1) if step <= 86_400 else days * 86_400 // step
        if pieces <= room:
            return step * 10**9
    return _STEPS_S[-1] * 10**9


class PricePath:
    """Takes market rows as they were run, and keeps the pieces of their prices."""

    def __init__(self, names: Sequence[str], *, step: int) -> None:
        self.names = names
        self.step = step
        self._pieces: list[dict[str, Int64]] = []
        self._waiting: list[Columns] = []
        self._rows = 0
        self._fills: list[Any] = []

    def take(self, batch: Columns, fills: Any) -> None:
        """Take a batch of rows and the fills that they made (output rows)."""
        kept = {name: getattr(batch, name) for name in _READ}
        if batch.rows < WAIT_ROWS:
            kept = {name: column.copy() for name, column in kept.items()}
        self._waiting.append(Columns.of()._replace(**kept))
        self._fills.append(fills)
        self._rows += batch.rows
        if self._rows >= WAIT_ROWS:
            self.flush()

    def flush(self) -> None:
        """Cut the rows that wait into pieces."""
        waiting, self._waiting = [each for each in self._waiting if each.rows], []
        fills, self._fills, self._rows = self._fills, [], 0
        if waiting:
            columns = {n: np.concatenate([getattr(b, n) for b in waiting]) for n in _READ}
            self._cut(Columns.of()._replace(**columns), np.concatenate(fills))

    def _cut(self, batch: Columns, fills: Any) -> None:
        order, row = _by_instrument(batch.row)
        ts = batch.ts if order is None else batch.ts[order]
        bucket = (ts + IST) // self.step
        begins = np.append(True, (np.diff(row) != 0) | (np.diff(bucket) != 0))
        cut = np.zeros(len(row), bool)
        cut[_cuts(row, ts, fills)] = True
        self._pieces.append(_reduced(batch, order, row, ts, begins | cut, cut))

    def table(self) -> pa.Table:
        """Return the pieces by instrument and time."""
        self.flush()
        pieces = self._joined()
        return pa.table({
            "instrument": labels(pieces["row"], self.names),
            "ts": times(pieces["ts"]),
            "last_ts": times(pieces["last_ts"]),
            "high": decimals(pieces["high"]),
            "low": decimals(pieces["low"]),
            "last": decimals(pieces["last"]),
            "open": decimals(pieces["open"]),
            "volume": arrow(pieces["volume"]),
        })  # fmt: skip

    # Where a batch ended, a piece may have been torn in two: what came out must not depend on it.
    def _joined(self) -> dict[str, Int64]:
        none = np.zeros(0, np.int64)
        columns = {k: np.concatenate([none, *(p[k] for p in self._pieces)]) for k in _FIELDS}
        order = np.argsort(columns["row"], kind="stable")
        columns = {name: column[order] for name, column in columns.items()}
        if not len(order):
            return columns
        bucket = (columns["ts"] + IST) // self.step
        new = (np.diff(columns["row"]) != 0) | (np.diff(bucket) != 0)
        starts = np.flatnonzero(np.append(True, new | (columns["cut"][1:] != 0)))
        ends = np.append(starts[1:], len(order)) - 1
        return {
            "row": columns["row"][starts],
            "ts": columns["ts"][starts],
            "last_ts": columns["last_ts"][ends],
            "high": np.maximum.reduceat(columns["high"], starts),
            "low": np.minimum.reduceat(columns["low"], starts),
            "last": columns["last"][ends],
            "open": columns["open"][starts],
            "volume": np.add.reduceat(columns["volume"], starts),
        }


def candles_of(prices: pa.Table, last: Int64) -> tuple[Int64, Int64]:
    """Return first prices, scaled, and volumes of pieces; of an earlier version's, `last` and 0."""
    if "open" not in prices.column_names:
        return last, np.zeros(len(last), np.int64)
    return scaled(prices["open"]), integers(prices["volume"])


def _by_instrument(row: Any) -> tuple[Any, Any]:
    # The order that groups rows by instrument, None where they lie so; and the rows in it.
    if row[0] == row[-1] and row.min() == row.max():
        return None, row
    narrow = row.astype(np.uint16) if row.max() < 1 << 16 else row
    order = np.argsort(narrow, kind="stable")  # of 16 bits, NumPy sorts by counting
    return order, row[order]


# The first row of each fill's instrument at or after the fill's time.
def _cuts(row: Any, ts: Int64, fills: Any) -> Int64:
    found = [np.zeros(0, np.int64)]
    for instrument in np.unique(fills["row"]):
        start, stop = np.searchsorted(row, [instrument, instrument + 1])
        mine = np.unique(fills["ts"][fills["row"] == instrument])
        at = start + np.searchsorted(ts[start:stop], mine)
        found.append(at[at < stop])
    return np.concatenate(found)


def _reduced(
    batch: Columns, order: Any, row: Any, ts: Int64, begins: Any, cut: Any
) -> dict[str, Int64]:
    def sorted_(column: Int64) -> Int64:
        return column if order is None else column[order]

    starts = np.flatnonzero(begins)
    ends = np.append(starts[1:], len(row)) - 1
    last = sorted_(batch.last)
    high = sorted_(batch.high) if len(batch.high) else last
    low = sorted_(batch.low) if len(batch.low) else last
    barred = len(batch.open) > 0
    volume = sorted_(batch.volume) if barred and len(batch.volume) else np.zeros_like(last)
    return {
        "row": row[starts].astype(np.int64),
        "ts": ts[starts],
        "last_ts": ts[ends],
        "high": np.maximum.reduceat(high, starts),
        "low": np.minimum.reduceat(low, starts),
        "last": last[ends],
        "open": (sorted_(batch.open) if barred else last)[starts],
        "volume": np.add.reduceat(volume, starts),
        "cut": cut[starts].astype(np.int64),
    }
