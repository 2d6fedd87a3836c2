"""A run's figures counted while its rows come, in compiled code that needs no interpreter lock.

A sweep can't keep the rows of every run. What `research/stats.py` defines over all of them is
counted here row by row: the same figures to the last unit, which a test compares.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST
from alphapanda.model.rows import OUT_FIELDS, Out
from alphapanda.research.stats import risk

TS, TYPE, ROW, QTY, PRICE, A, D = (
    OUT_FIELDS.index(name) for name in ("ts", "type", "row", "qty", "price", "a", "d")
)
FILL, PNL = int(Out.FILL), int(Out.PNL)
EQUITY, PEAK, FALL, FALL_PEAK, FILLS, TRIPS, WINS = range(7)

SIGNATURE = "void(int64[:,::1], int64[::1], float64[::1], int64[:,::1], int64[:,::1], int64, int64)"


class Figures(NamedTuple):
    """What is known of one run; money scaled, what is undefined None."""

    pnl: int
    equity: int
    charges: int
    fills: int
    trips: int
    hit_rate: float | None
    ret: float
    sharpe: float | None
    sortino: float | None
    max_drawdown: float


class Tally:
    """Counts one run after another."""

    def __init__(self, cash: int, instruments: int, first_day: int, days: int) -> None:
        """`first_day` is the IST day number of the first row, `days` how many may follow."""
        self.cash = cash
        self.first_day = first_day
        self.sums = np.zeros(WINS + 1, np.int64)
        self.worst = np.zeros(1)
        self.held = np.zeros((2, instruments), np.int64)
        self.closes = np.zeros((2, days + 2), np.int64)
        self._count = kernel()

    def begin(self) -> None:
        """Forget the last run."""
        self.sums[:] = 0
        self.sums[EQUITY] = self.sums[PEAK] = self.sums[FALL_PEAK] = self.cash
        self.worst[:] = self.held[:] = self.closes[:] = 0

    def take(self, rows: NDArray[Any]) -> None:
        """Count a chunk of output rows."""
        flat = rows.view(np.int64).reshape(len(rows), len(OUT_FIELDS))
        self._count(flat, self.sums, self.worst, self.held, self.closes, self.cash, self.first_day)

    def close_batch(self, batch: Any, controls: Any, texts: Any = ()) -> None:
        """Count nothing of what went in."""

    def day_closes(self) -> list[int]:
        """Return the initial cash, then the equity at the end of each day that had an event."""
        return [self.cash, *self.closes[1, self.closes[0] != 0].tolist()]

    def figures(self, charges: int) -> Figures:
        """Return the run's figures."""
        equity, _, fall, peak, fills, trips, wins = self.sums.tolist()
        figures = risk(self.day_closes())
        return Figures(
            equity - self.cash, equity, charges, fills, trips, wins / trips if trips else None,
            (equity - self.cash) / self.cash, figures["sharpe"], figures["sortino"], fall / peak,
        )  # fmt: skip


@cache
def kernel() -> Any:
    """Return `count` compiled."""
    from numba import njit  # noqa: PLC0415 (0.4 s)

    return njit(SIGNATURE, nogil=True, cache=True)(count)


def count(rows: Any, sums: Any, worst: Any, held: Any, closes: Any, cash: int, first: int) -> None:
    """Count output rows. `held`: position and cash of the open trip; `closes`: seen, equity."""
    day, midnight = 0, 0
    for i in range(len(rows)):
        kind = rows[i, TYPE]
        if kind == PNL:
            equity = cash + rows[i, D]
            sums[EQUITY] = equity
            sums[PEAK] = max(sums[PEAK], equity)
            fall = sums[PEAK] - equity
            # Peaks only rise, so a deeper fraction is a greater fall as well: few get to divide.
            if fall > sums[FALL] and fall / sums[PEAK] > worst[0]:
                worst[0] = fall / sums[PEAK]
                sums[FALL] = fall
                sums[FALL_PEAK] = sums[PEAK]
        elif kind == FILL:
            row, qty, price, charges = rows[i, ROW], rows[i, QTY], rows[i, PRICE], rows[i, A]
            sums[FILLS] += 1
            before = held[0, row]
            after = before + qty
            held[0, row] = after
            part, part_charges = qty, charges
            if (before > 0 and after < 0) or (before < 0 and after > 0):  # up to flat, at first
                part, size = -before, abs(qty)
                share = charges // size
                part_charges = share * abs(part) + (charges - share * size) * abs(part) // size
            held[1, row] -= part * price + part_charges
            if before + part == 0:
                sums[TRIPS] += 1
                sums[WINS] += held[1, row] > 0
                held[1, row] = -(qty - part) * price - (charges - part_charges)
        else:
            continue
        if rows[i, TS] >= midnight:
            day = (rows[i, TS] + IST) // DAY - first
            midnight = (first + day + 1) * DAY - IST
        closes[0, day] = 1
        closes[1, day] = sums[EQUITY]
