"""The figures of a run, from its equity and its fills alone.

Money comes in scaled (1 = Rs 0.0001) and stays an exact integer until a figure's last division.
A figure that is undefined is None. In the formulas:

E_0 is the initial cash, E_1 ... E_n the account's equity at each P&L row, after charges. The *days*
are the IST dates on which there is equity or a fill; a day's close C_d is the equity last known at
its end, and C_0 = E_0. A day without equity points carries the close before it; days without any
event are not there at all. The daily returns are r_d = C_d / C_(d-1) - 1, mean m over the days D.

A *round trip* leads a strategy's position in one instrument from flat to flat. A fill that reverses
the position ends one trip and starts the next: its quantity is split there, its charges in
proportion, rounded down for the part that closes. A position open at the end is no trip yet.

==================== ==============================================================================
return               E_n / E_0 - 1
cagr                 (E_n / E_0) ** (252 / D) - 1; needs 2 days
volatility           s * sqrt(252), s = sqrt(sum (r_d - m)^2 / (D - 1)); needs 2 days
sharpe               m / s * sqrt(252), risk-free rate 0 (Sharpe 1994); None if s = 0
sortino              m / b * sqrt(252), b = sqrt(sum min(r_d, 0)^2 / D); None if b = 0
max_drawdown         greatest (P_i - E_i) / P_i, P_i = max(E_0 ... E_i): a positive fraction
max_drawdown_money   greatest P_i - E_i (of a later and higher peak, maybe)
calmar               cagr / max_drawdown; None without a drawdown
traded_value         sum of |quantity| * price * multiplier
turnover             traded_value / mean of E_1 ... E_n
trips                number of round trips
hit_rate             share of trips with a profit after charges
average_win          mean P&L of the trips with a profit, rounded half up
average_loss         mean P&L of the trips with a loss, a negative number, rounded half up
profit_factor        profits of all trips with a profit / losses of all with a loss
exposure             share of the time from the first to the last equity point, nights included,
                     in which a strategy has a position in any instrument: from the fill that
                     opens it to the one that closes it
charges              sum of the fills' charges
days                 D
==================== ==============================================================================

Of these max_drawdown_money, traded_value, average_win, average_loss and charges are scaled money.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST

Int64 = NDArray[np.int64]
Exact = NDArray[Any]
"""int64 where that is proven to hold the numbers, else Python ints (dtype object)."""

DAYS_A_YEAR = 252

_INT64_MAX = (1 << 63) - 1


class Fills(NamedTuple):
    """The fills of a run in the order in which they happened; arrays [n] of int64."""

    ts: Int64
    """ns UTC, never falling."""
    strategy: Int64
    row: Int64
    """Dense instrument number."""
    qty: Int64
    """Bought > 0, sold < 0, never 0."""
    price: Int64
    """Scaled."""
    charges: Int64
    """Scaled, of this fill."""
    multiplier: Int64 | int = 1
    """Units of the underlying in one of `qty`: one for all fills, or [n]."""

    @classmethod
    def none(cls) -> Fills:
        """Return no fills."""
        return cls(*(np.zeros(0, np.int64) for _ in range(6)))


class Trips(NamedTuple):
    """Closed round trips in the order in which they closed; arrays [n]."""

    strategy: Int64
    row: Int64
    entry_ts: Int64
    """ns UTC of the fill that opened it."""
    exit_ts: Int64
    """ns UTC of the fill that closed it."""
    side: Int64
    """1 long, -1 short."""
    qty: Int64
    """The greatest position, > 0."""
    pnl: Exact
    """Scaled, after charges."""
    charges: Exact
    """Scaled."""
    fills: Int64
    """Number of fills; one that reverses counts in both trips."""
    first: Int64
    """Number of the fill that opened it, among all fills."""
    last: Int64
    """Number of the fill that closed it."""
    opened: Int64
    """Quantity that was opened over its life, and so closed as well."""
    entry_value: Exact
    """Scaled: what the opened quantity cost; over `opened` it is the average entry price."""
    exit_value: Exact
    """Scaled: what the closed quantity was worth."""


def statistics(
    equity_ts: Int64, equity: Int64, *, initial_cash: int, fills: Fills
) -> dict[str, float | int | None]:
    """Return the run's figures by name, as the module defines them.

    `equity_ts` [n] is ns UTC and never falls, `equity` [n] scaled; `initial_cash` > 0, scaled.

    Raises:
        ValueError: lengths differ, times fall, a quantity is 0 or the initial cash is not positive.
    """
    _check(equity_ts, equity, initial_cash=initial_cash, fills=fills)
    path = np.concatenate((np.array([initial_cash], np.int64), equity))
    closes = _closes(equity_ts, path, fill_ts=fills.ts)
    unit, charges = _exact(fills)
    traded = _total(np.abs(fills.qty) * unit)
    growth = _growth(int(path[-1]), initial_cash, days=len(closes) - 1)
    drawdown, drawdown_money = _drawdown(path)
    return {
        "return": (int(path[-1]) - initial_cash) / initial_cash,
        "cagr": growth,
        **risk(closes),
        "max_drawdown": drawdown,
        "max_drawdown_money": drawdown_money,
        "calmar": None if growth is None or drawdown == 0 else growth / drawdown,
        "traded_value": traded,
        "turnover": _ratio(traded * len(equity), _total(equity)),
        **_trade_figures(round_trips(fills)),
        "exposure": _exposure(equity_ts, fills),
        "charges": _total(charges),
        "days": len(closes) - 1,
    }


def round_trips(fills: Fills) -> Trips:
    """Return the closed round trips, flat to flat by strategy and instrument, as they closed.

    Raises:
        ValueError: lengths differ, times fall or a quantity is 0.
    """
    _check_fills(fills)
    if len(fills.ts) == 0:
        return Trips(*[np.zeros(0, np.int64)] * len(Trips._fields))
    pieces = _pieces(fills)
    starts = np.flatnonzero(pieces.opens)
    ends = np.append(starts[1:], len(pieces.fill)) - 1
    first, last = pieces.fill[starts], pieces.fill[ends]
    side = np.sign(pieces.after[starts])
    inward = np.sign(pieces.qty) == np.repeat(side, ends - starts + 1)
    value = np.abs(pieces.cash + pieces.charges)
    every = Trips(
        strategy=fills.strategy[first],
        row=fills.row[first],
        entry_ts=fills.ts[first],
        exit_ts=fills.ts[last],
        side=side,
        qty=np.maximum.reduceat(np.abs(pieces.after), starts),
        pnl=np.add.reduceat(pieces.cash, starts),
        charges=np.add.reduceat(pieces.charges, starts),
        fills=ends - starts + 1,
        first=first,
        last=last,
        opened=np.add.reduceat(np.where(inward, np.abs(pieces.qty), 0), starts),
        entry_value=np.add.reduceat(np.where(inward, value, 0), starts),
        exit_value=np.add.reduceat(np.where(inward, 0, value), starts),
    )
    closed = np.flatnonzero(pieces.after[ends] == 0)
    chosen = closed[np.argsort(last[closed], kind="stable")]
    return Trips(*(column[chosen] for column in every))


# Checks


def _check(equity_ts: Int64, equity: Int64, *, initial_cash: int, fills: Fills) -> None:
    if len(equity_ts) != len(equity):
        raise ValueError(f"{len(equity_ts)} equity times, but {len(equity)} equities")
    if np.any(np.diff(equity_ts) < 0):
        raise ValueError("the times of equity fall")
    if initial_cash <= 0:
        raise ValueError(f"initial cash {initial_cash} is not positive")
    _check_fills(fills)


def _check_fills(fills: Fills) -> None:
    lengths = [len(column) for column in fills if not isinstance(column, int)]
    if len(set(lengths)) > 1:
        raise ValueError(f"columns of fills differ in length: {lengths}")
    if np.any(np.diff(fills.ts) < 0):
        raise ValueError("the times of fills fall")
    if np.any(fills.qty == 0):
        raise ValueError("a fill has quantity 0")


# Exact sums: int64 wraps in silence


def _greatest(numbers: Exact | int) -> int:
    array = np.asarray(numbers)
    return max(abs(int(array.max())), abs(int(array.min()))) if array.size else 0


def _total(numbers: Exact) -> int:
    if _greatest(numbers) * len(numbers) > _INT64_MAX:
        return sum(numbers.tolist())
    return int(numbers.sum())


def _exact(fills: Fills) -> tuple[Exact, Exact]:
    # A unit's value and the charges, each [n] and of a type in which no sum below can wrap.
    qty, charges = _greatest(fills.qty), _greatest(fills.charges)
    value = qty * _greatest(fills.price) * _greatest(fills.multiplier)
    if max(2 * len(fills.ts) * (value + charges), qty * charges) > _INT64_MAX:
        return fills.price.astype(object) * fills.multiplier, fills.charges.astype(object)
    return np.asarray(fills.price * fills.multiplier), fills.charges


def _ratio(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator > 0 else None


def _mean_half_up(total: int, count: int) -> int | None:
    return (2 * total + count) // (2 * count) if count else None


# Equity


def _closes(equity_ts: Int64, path: Int64, *, fill_ts: Int64) -> list[int]:
    # [D + 1]: the initial cash, then each day's close.
    equity_days = (equity_ts + IST) // DAY
    days = np.unique(np.concatenate((equity_days, (fill_ts + IST) // DAY)))
    known = np.searchsorted(equity_days, days, side="right")
    return [int(path[0]), *path[known].tolist()]


def _growth(final: int, initial: int, *, days: int) -> float | None:
    if days < 2 or final < 0:
        return None
    try:
        return math.pow(final / initial, DAYS_A_YEAR / days) - 1
    except OverflowError:
        return None


def risk(closes: Sequence[int]) -> dict[str, float | None]:
    """Return the figures of daily returns, from the initial cash and each day's close."""
    none = dict.fromkeys(("volatility", "sharpe", "sortino"))
    days = len(closes) - 1
    if days < 2 or min(closes[:-1]) <= 0:
        return none
    pairs = list(pairwise(closes))
    returns = [(close - before) / before for before, close in pairs]
    # Equal returns can differ in their last bit and so have a variance: compare as fractions.
    first_before, first = pairs[0]
    steady = all(close * first_before == before * first for before, close in pairs)
    mean = math.fsum(returns) / days
    spread = 0.0 if steady else _spread([r - mean for r in returns])
    below = math.sqrt(math.fsum(min(r, 0.0) ** 2 for r in returns) / days)
    return {
        "volatility": spread * math.sqrt(DAYS_A_YEAR),
        "sharpe": mean / spread * math.sqrt(DAYS_A_YEAR) if spread > 0 else None,
        "sortino": mean / below * math.sqrt(DAYS_A_YEAR) if below > 0 else None,
    }


def _spread(deviations: Sequence[float]) -> float:
    # Root of the mean square, with one degree of freedom less than there are.
    return math.sqrt(math.fsum(d * d for d in deviations) / (len(deviations) - 1))


def _drawdown(path: Int64) -> tuple[float, int]:
    peaks = np.maximum.accumulate(path)
    falls = peaks - path
    deepest = int(np.argmax(falls / peaks))
    return int(falls[deepest]) / int(peaks[deepest]), int(falls.max())


# Fills


def _trade_figures(trips: Trips) -> dict[str, float | int | None]:
    wins, losses = trips.pnl[trips.pnl > 0], trips.pnl[trips.pnl < 0]
    won, lost = _total(wins), _total(losses)
    return {
        "trips": len(trips.pnl),
        "hit_rate": _ratio(len(wins), len(trips.pnl)),
        "average_win": _mean_half_up(won, len(wins)),
        "average_loss": _mean_half_up(lost, len(losses)),
        "profit_factor": _ratio(won, -lost),
    }


def _exposure(equity_ts: Int64, fills: Fills) -> float | None:
    if len(equity_ts) == 0 or equity_ts[0] == equity_ts[-1]:
        return None
    pieces, n = _pieces(fills), len(fills.ts)
    opened = np.bincount(pieces.fill[pieces.opens], minlength=n)
    closed = np.bincount(pieces.fill[pieces.after == 0], minlength=n)
    exposed = np.cumsum(opened - closed) > 0
    times = np.clip(np.append(fills.ts, equity_ts[-1]), equity_ts[0], equity_ts[-1])
    return int(np.diff(times)[exposed].sum()) / int(equity_ts[-1] - equity_ts[0])


class _Pieces(NamedTuple):
    """Fills cut at reversals; by strategy, instrument and time; arrays [m]."""

    fill: Int64  # the number of the fill it is of
    opens: NDArray[np.bool_]  # whether the position before it is flat
    after: Int64  # the position after it
    qty: Int64  # signed
    cash: Exact  # what it brings in, after its charges
    charges: Exact


def _pieces(fills: Fills) -> _Pieces:
    order = np.lexsort((fills.row, fills.strategy))
    unit, charges = (column[order] for column in _exact(fills))
    qty = fills.qty[order]
    after = _positions(fills.strategy[order], fills.row[order], qty=qty)
    before = after - qty

    # Of each fill the part up to flat, or all of it, and what a reversal leaves beyond that.
    reverses = np.sign(before) * np.sign(after) < 0
    part = np.where(reverses, -before, qty)
    part_charges = charges * np.abs(part) // np.abs(qty)

    at = np.repeat(np.arange(len(qty)), 1 + reverses)
    second = np.diff(at, prepend=-1) == 0
    piece = np.where(second, (qty - part)[at], part[at])
    piece_charges = np.where(second, (charges - part_charges)[at], part_charges[at])
    return _Pieces(
        fill=order[at],
        opens=second | (before[at] == 0),
        after=np.where(second, after[at], (before + part)[at]),
        qty=piece,
        cash=-piece * unit[at] - piece_charges,
        charges=piece_charges,
    )


def _positions(strategy: Int64, row: Int64, *, qty: Int64) -> Int64:
    # After each fill, of fills in groups. The total over groups may wrap; differences of it are
    # right all the same.
    if len(qty) == 0:
        return qty
    total = np.cumsum(qty)
    begins = np.append(True, (np.diff(strategy) != 0) | (np.diff(row) != 0))
    starts = np.flatnonzero(begins)
    sizes = np.diff(np.append(starts, len(qty)))
    return np.asarray(total - np.repeat((total - qty)[starts], sizes))
