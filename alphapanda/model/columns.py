"""Market data as the core reads it: one int64 array a column, absent columns of length zero."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]


class Columns(NamedTuple):
    """One batch of market rows, in the order in which they are run.

    Every array has the same length, or length 0 where the source has no such column. Prices are
    scaled (1 = Rs 0.0001), quantities are lots or shares as int64, times ns UTC. Of bars, `ts` is
    the bar's end, `last` its close, `volume` its own volume; of ticks, `volume` is the day's
    cumulative volume and `qty` the last traded quantity. `row` is the dense instrument number.
    """

    ts: Int64
    row: Int32
    last: Int64
    qty: Int64
    volume: Int64
    bid: Int64
    bid_qty: Int64
    ask: Int64
    ask_qty: Int64
    open: Int64
    high: Int64
    low: Int64
    oi: Int64

    @classmethod
    def of(cls, **columns: Any) -> Columns:
        """Build from the given columns; the others are absent."""
        made: dict[str, Any] = {}
        for name in cls._fields:
            dtype = np.int32 if name == "row" else np.int64
            made[name] = np.ascontiguousarray(columns.pop(name, ()), dtype=dtype)
        if columns:
            raise TypeError(f"unknown columns: {sorted(columns)}")
        return cls(**made)

    def slice(self, start: int, stop: int) -> Columns:
        """Return rows [start, stop) without copying."""
        return Columns._make(column[start:stop] if len(column) else column for column in self)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.ts)
