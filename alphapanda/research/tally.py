"""A run's figures counted while its rows come, in compiled code that needs no interpreter lock.

A sweep can't keep the rows of every run. What `research/stats.py` defines over all of them is
counted here row by row: the same figures to the last unit, which a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST
from alphapanda.model.rows import OUT_FIELDS, ChargeKind, Out
from alphapanda.research.stats import risk

TS, TYPE, ROW, QTY, PRICE, A, B, D = (
    OUT_FIELDS.index(name) for name in ("ts", "type", "row", "qty", "price", "a", "b", "d")
)
FILL, PNL, CHARGE, DEPOSITORY = map(int, (Out.FILL, Out.PNL, Out.CHARGE, ChargeKind.DEPOSITORY))
EQUITY, PEAK, FALL, FALL_PEAK, FILLS, TRIPS, WINS = range(7)
COUNTED = {EQUITY: "equity", PEAK: "peak", FALL: "fall", FALL_PEAK: "fall_peak"}
HELD, CASH, TRIP, CLOSED, CLOSED_PNL, SALE_DAY, SALE, SALE_PNL = range(8)
"""Of each instrument: position, what its open trip brought in; the number of its last trip; number
and P&L of the trip that closed last; day, trip and that trip's P&L of the day's first sale."""

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
        self.start = self.cash = cash
        self.first_day = first_day
        self.days = np.zeros(0, np.int64)
        self.sums = np.zeros(WINS + 1, np.int64)
        self.worst = np.zeros(1)
        self.held = np.zeros((SALE_PNL + 1, instruments), np.int64)
        self.closes = np.zeros((2, days + 2), np.int64)
        self._count = kernel()

    def begin(self, days: NDArray[np.int64]) -> None:
        """Forget the last run; `days` are the numbers of the next one's trading days."""
        self.days = days
        self.cash = self.start
        self.sums[:] = 0
        self.sums[EQUITY] = self.sums[PEAK] = self.sums[FALL_PEAK] = self.cash
        self.worst[:] = self.held[:] = self.closes[:] = 0

    def go_on(self) -> None:
        """Begin another run behind the last one, flat, with the equity that it left."""
        self.cash = int(self.sums[EQUITY])
        self.held[:] = 0

    def take(self, rows: NDArray[Any]) -> None:
        """Count a chunk of output rows."""
        flat = rows.view(np.int64).reshape(len(rows), len(OUT_FIELDS))
        self._count(flat, self.sums, self.worst, self.held, self.closes, self.cash, self.first_day)

    def take_counted(self, tables: Mapping[str, Any]) -> None:
        """Take the P&L that a core has counted itself instead of saying it."""
        known = tables["equity"][0]
        for place, name in COUNTED.items():
            self.sums[place] = known[name]
        self.closes[0], self.closes[1] = tables["closes"]["seen"], tables["closes"]["equity"]

    def close_batch(self, batch: Any, controls: Any, texts: Any = ()) -> None:
        """Count nothing of what went in."""

    def day_closes(self) -> NDArray[np.int64]:
        """Return the initial cash, then the equity at the end of each trading day."""
        seen = np.flatnonzero(self.closes[0])
        path = np.append(self.start, self.closes[1, seen])
        known = np.searchsorted(seen + self.first_day, self.days, side="right")
        if len(known):
            known[-1] = len(seen)
        return np.append(self.start, path[known])

    def figures(self, charges: int) -> Figures:
        """Return the run's figures."""
        equity, _, fall, peak, fills, trips, wins = self.sums.tolist()
        figures = risk(self.day_closes())
        return Figures(
            equity - self.start, equity, charges, fills, trips, wins / trips if trips else None,
            (equity - self.start) / self.start, figures["sharpe"], figures["sortino"], fall / peak,
        )  # fmt: skip


@cache
def kernel() -> Any:
    """Return `count` compiled."""
    from numba import njit  # noqa: PLC0415 (0.4 s)

    return njit(SIGNATURE, nogil=True, cache=True)(count)


# One loop: of functions beside it, numba would have to compile each by itself.
def count(  # noqa: C901, PLR0912, PLR0915
    rows: Any, sums: Any, worst: Any, held: Any, closes: Any, cash: int, first: int
) -> None:  # fmt: skip
    """Count output rows. `held`: what is known of each instrument; `closes`: seen, equity."""
    day, midnight = 0, 0
    for i in range(len(rows)):
        kind = rows[i, TYPE]
        if rows[i, TS] >= midnight:
            day = (rows[i, TS] + IST) // DAY - first
            midnight = (first + day + 1) * DAY - IST
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
            closes[0, day] = 1
            closes[1, day] = equity
        elif kind == FILL:
            row, qty, price, charges = rows[i, ROW], rows[i, QTY], rows[i, PRICE], rows[i, A]
            sums[FILLS] += 1
            before = held[HELD, row]
            after = before + qty
            held[HELD, row] = after
            if before == 0:
                held[TRIP, row] += 1
            if qty < 0 and held[SALE_DAY, row] != day + 1:  # 0 is no day
                held[SALE_DAY, row] = day + 1
                held[SALE, row] = held[TRIP, row]
            part, part_charges = qty, charges
            if (before > 0 and after < 0) or (before < 0 and after > 0):  # up to flat, at first
                part, size = -before, abs(qty)
                share = charges // size
                part_charges = share * abs(part) + (charges - share * size) * abs(part) // size
            held[CASH, row] -= part * price + part_charges
            if before + part == 0:
                sums[TRIPS] += 1
                sums[WINS] += held[CASH, row] > 0
                held[CLOSED, row], held[CLOSED_PNL, row] = held[TRIP, row], held[CASH, row]
                if held[SALE, row] == held[TRIP, row]:
                    held[SALE_PNL, row] = held[CASH, row]
                held[CASH, row] = -(qty - part) * price - (charges - part_charges)
                if after != 0:
                    held[TRIP, row] += 1
        elif kind == CHARGE and rows[i, ROW] >= 0:
            row, amount = rows[i, ROW], rows[i, B]
            trip = held[SALE, row] if rows[i, A] == DEPOSITORY else held[TRIP, row]
            if trip == 0:
                continue
            if trip == held[TRIP, row] and held[HELD, row] != 0:
                held[CASH, row] -= amount
                continue
            was = held[CLOSED_PNL, row] if trip == held[CLOSED, row] else held[SALE_PNL, row]
            sums[WINS] += (was - amount > 0) - (was > 0)
            if trip == held[CLOSED, row]:
                held[CLOSED_PNL, row] -= amount
            if trip == held[SALE, row]:
                held[SALE_PNL, row] -= amount
