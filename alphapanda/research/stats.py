"""The figures of a run, from its equity and its fills alone.

Money comes in scaled (1 = Rs 0.0001) and stays an exact integer until a figure's last division.
A figure that is undefined is None. In the formulas:

E_0 is the initial cash, E_1 ... E_n the account's equity at each P&L row, after charges. The *days*
are the trading days of the run (`hours.py`), whatever happened on them; a day's close C_d is the
equity last known at its end, and C_0 = E_0. What happens on a day without a session counts with the
next trading day, behind the last one with the last. There is one return for each day, 0 where the
equity stood: r_d = C_d / C_(d-1) - 1, mean m over the days D.

A *round trip* leads a strategy's position in one instrument from flat to flat. A fill that reverses
the position ends one trip and starts the next: its quantity is split there, its charges in
proportion, rounded down for the part that closes. A charge beside fills belongs to a trip as well:
the depository's to the trip of the day's first sale, the square-off's and the rounding of the
contract note to that of the last fill before it. A position open at the end is no trip yet.

==================== ==============================================================================
return               E_n / E_0 - 1
cagr                 (E_n / E_0) ** (252 / D) - 1; needs 2 days
volatility           s * sqrt(252), s = sqrt(sum (r_d - m)^2 / (D - 1)); needs 2 days
sharpe               m / s * sqrt(252), risk-free rate 0 (Sharpe 1994); None if s = 0
sortino              m / b * sqrt(252), b = sqrt(sum min(r_d, 0)^2 / D); None if b = 0
max_drawdown         greatest (P_i - E_i) / P_i, P_i = max(E_0 ... E_i): a positive fraction, of
                     every P&L row, so within days too
max_drawdown_money   greatest P_i - E_i (of a later and higher peak, maybe)
max_drawdown_daily   the same fraction of the day closes alone, as most other tools count it
calmar               cagr / max_drawdown_daily; None without such a drawdown
traded_value         sum of |quantity| * price * multiplier
turnover             traded_value / mean of E_1 ... E_n
trips                number of round trips
hit_rate             share of trips with a profit after charges
average_win          mean P&L of the trips with a profit, rounded half up
average_loss         mean P&L of the trips with a loss, a negative number, rounded half up
profit_factor        profits of all trips with a profit / losses of all with a loss
exposure             time in market: share of the trading time of the run in which a strategy has a
                     position in any instrument, from the fill that opens it to the one that
                     closes it
gross_exposure       mean over the trading time of the worth of all positions, without their signs,
                     as a part of equity (`exposure.py`); None if it was not counted
charges              sum of the charges, of fills and beside them
days                 D
==================== ==============================================================================

Of these max_drawdown_money, traded_value, average_win, average_loss and charges are scaled money.

Over 400 lines: the figures stand side by side, as the formulas above do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST
from alphapanda.model.rows import ChargeKind
from alphapanda.research.hours import Hours, hours_of_events

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


class Extras(NamedTuple):
    """The charges of a run beside its fills, in the order in which they came; arrays [m]."""

    strategy: Int64
    row: Int64
    kind: Int64
    """A `ChargeKind`."""
    amount: Int64
    """Scaled."""
    after: Int64
    """How many fills, of all, came before it."""

    @classmethod
    def none(cls) -> Extras:
        """Return no charges."""
        return cls(*(np.zeros(0, np.int64) for _ in range(5)))


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
    equity_ts: Int64, equity: Int64, *, initial_cash: int, fills: Fills,
    extras: Extras | None = None, hours: Hours | None = None, gross: float | None = None,
    trips: Trips | None = None,
) -> dict[str, float | int | None]:  # fmt: skip
    """Return the run's figures by name, as the module defines them.

    `equity_ts` [n] is ns UTC and never falls, `equity` [n] scaled; `initial_cash` > 0, scaled;
    `gross` is the mean gross exposure; `trips` are made of the fills if they are not at hand. Of
    equity that is of no run, without `hours`, the days are
    those on which anything happened, and time counts from the first equity to the last.

    Raises:
        ValueError: lengths differ, times fall, a quantity is 0 or the initial cash is not positive.
    """
    _check(equity_ts, equity, initial_cash=initial_cash, fills=fills)
    extras = Extras.none() if extras is None else extras
    hours = hours_of_events(equity_ts, fills.ts) if hours is None else hours
    path = np.concatenate((np.array([initial_cash], np.int64), equity))
    closes = day_closes(equity_ts, equity, hours.days, initial_cash)
    trips = round_trips(fills, extras) if trips is None else trips
    unit, charges = _exact(fills)
    traded = _total(np.abs(fills.qty) * unit)
    growth = _growth(int(path[-1]), initial_cash, days=len(closes) - 1)
    deepest, dearest = drawdown(path)
    daily, _ = drawdown(closes)
    return {
        "return": (int(path[-1]) - initial_cash) / initial_cash,
        "cagr": growth,
        **risk(closes),
        "max_drawdown": deepest,
        "max_drawdown_money": dearest,
        "max_drawdown_daily": daily,
        "calmar": None if growth is None or daily == 0 else growth / daily,
        "traded_value": traded,
        "turnover": _ratio(traded * len(equity), _total(equity)),
        **_trade_figures(trips),
        "exposure": _exposure(hours, fills),
        "gross_exposure": gross,
        "charges": _total(charges) + _total(extras.amount),
        "days": len(closes) - 1,
    }


def day_closes(equity_ts: Int64, equity: Int64, days: Int64, cash: int) -> Int64:
    """Return the initial cash, then the equity at the end of each trading day; [D + 1].

    What comes behind the last day counts with it.
    """
    path = np.concatenate((np.array([cash], np.int64), equity))
    known = np.searchsorted((equity_ts + IST) // DAY, days, side="right")
    if len(known):
        known[-1] = len(equity)
    return np.concatenate((path[:1], path[known]))


def round_trips(fills: Fills, extras: Extras | None = None) -> Trips:
    """Return the closed round trips, flat to flat by strategy and instrument, as they closed.

    Raises:
        ValueError: lengths differ, times fall or a quantity is 0.
    """
    return balance(fills, extras).closed


class Balance(NamedTuple):
    """What became of every rupee: the closed trips, those that are open, and what is of none."""

    closed: Trips
    open_cash: Any
    """Scaled: what the fills and charges of open trips brought in, their positions not counted."""
    position: Int64
    """[k] what is held, by ..."""
    row: Int64
    """[k] instrument."""
    account: int
    """Scaled: charges, as a negative number, that belong to no trip."""

    def open_pnl(self, last: Int64) -> int:
        """Return the P&L of what is open, at the last prices [instruments], scaled."""
        held = self.position.astype(object) * last[self.row] if len(self.row) else np.zeros(0)
        return int(self.open_cash) + int(sum(held.tolist()))


def balance(fills: Fills, extras: Extras | None = None) -> Balance:
    """Return all trips, and what is left beside them, as the module defines them.

    Raises:
        ValueError: lengths differ, times fall or a quantity is 0.
    """
    _check_fills(fills)
    extras = Extras.none() if extras is None else extras
    if len(fills.ts) == 0:
        none = np.zeros(0, np.int64)
        closed = Trips(*[none] * len(Trips._fields))
        return Balance(closed, 0, none, none, -_total(extras.amount))
    pieces = _pieces(fills)
    starts = np.flatnonzero(pieces.opens)
    ends = np.append(starts[1:], len(pieces.fill)) - 1
    first, last = pieces.fill[starts], pieces.fill[ends]
    side = np.sign(pieces.after[starts])
    inward = np.sign(pieces.qty) == np.repeat(side, ends - starts + 1)
    value = np.abs(pieces.cash + pieces.charges)
    beside, account = _beside(fills, extras, pieces)
    every = Trips(
        strategy=fills.strategy[first],
        row=fills.row[first],
        entry_ts=fills.ts[first],
        exit_ts=fills.ts[last],
        side=side,
        qty=np.maximum.reduceat(np.abs(pieces.after), starts),
        pnl=np.add.reduceat(pieces.cash, starts) - beside,
        charges=np.add.reduceat(pieces.charges, starts) + beside,
        fills=ends - starts + 1,
        first=first,
        last=last,
        opened=np.add.reduceat(np.where(inward, np.abs(pieces.qty), 0), starts),
        entry_value=np.add.reduceat(np.where(inward, value, 0), starts),
        exit_value=np.add.reduceat(np.where(inward, 0, value), starts),
    )
    left = pieces.after[ends]
    flat = np.flatnonzero(left == 0)
    chosen = flat[np.argsort(last[flat], kind="stable")]
    held = np.flatnonzero(left)
    return Balance(
        Trips(*(column[chosen] for column in every)), _total(every.pnl[held]), left[held],
        every.row[held], -account,
    )  # fmt: skip


def _beside(fills: Fills, extras: Extras, pieces: _Pieces) -> tuple[Exact, int]:
    # The charges beside fills by trip, and the sum of those that belong to none.
    trip = np.cumsum(pieces.opens) - 1
    made = np.zeros(int(trip[-1]) + 1, np.int64)
    n = len(fills.ts)
    of_first, of_last = np.zeros(n, np.int64), np.zeros(n, np.int64)
    of_first[pieces.fill[::-1]] = trip[::-1]
    of_last[pieces.fill] = trip
    width = int(max(fills.row.max(), extras.row.max(initial=0))) + 1
    pair = fills.strategy * width + fills.row
    order = np.argsort(pair, kind="stable")
    grouped = pair[order]
    of_none = (extras.strategy < 0) | (extras.row < 0)
    wanted = np.where(of_none, -1, extras.strategy * width + extras.row)
    account = _total(extras.amount[of_none])
    for each in np.unique(wanted[~of_none]):
        mine = order[slice(*np.searchsorted(grouped, (each, each + 1)))]
        chosen = np.flatnonzero(wanted == each)
        for of_sale in (False, True):
            some = chosen[(extras.kind[chosen] == ChargeKind.DEPOSITORY) == of_sale]
            listed = mine[fills.qty[mine] < 0] if of_sale else mine
            at = np.searchsorted(listed, extras.after[some]) - 1
            account += _total(extras.amount[some[at < 0]])
            some, at = some[at >= 0], at[at >= 0]
            if of_sale:
                days = (fills.ts[listed] + IST) // DAY
                at = np.searchsorted(days, days[at])
            owner = (of_first if of_sale else of_last)[listed[at]]
            np.add.at(made, owner, extras.amount[some])
    return made, account


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


def _growth(final: int, initial: int, *, days: int) -> float | None:
    if days < 2 or final < 0:
        return None
    try:
        return math.pow(final / initial, DAYS_A_YEAR / days) - 1
    except OverflowError:
        return None


def risk(closes: Sequence[int] | Int64) -> dict[str, float | None]:
    """Return the figures of daily returns, from the initial cash and each day's close."""
    path = np.asarray(closes, np.int64)
    days = len(path) - 1
    if days < 2 or path[:-1].min() <= 0:
        return dict.fromkeys(("volatility", "sharpe", "sortino"))
    returns = np.diff(path) / path[:-1]
    mean = math.fsum(returns.tolist()) / days
    spread = 0.0 if _steady(path, returns) else _spread((returns - mean).tolist())
    below = math.sqrt(math.fsum((np.minimum(returns, 0.0) ** 2).tolist()) / days)
    return {
        "volatility": spread * math.sqrt(DAYS_A_YEAR),
        "sharpe": mean / spread * math.sqrt(DAYS_A_YEAR) if spread > 0 else None,
        "sortino": mean / below * math.sqrt(DAYS_A_YEAR) if below > 0 else None,
    }


def _steady(path: Int64, returns: NDArray[np.float64]) -> bool:
    # Equal returns can differ in their last bit and so have a variance: compare as fractions.
    if float(np.ptp(returns)) > 1e-12 * (1 + float(np.abs(returns).max())):
        return False
    numbers = path.tolist()
    before, after = numbers[:2]
    return all(b * before == a * after for a, b in pairwise(numbers))


def _spread(deviations: Sequence[float]) -> float:
    # Root of the mean square, with one degree of freedom less than there are.
    return math.sqrt(math.fsum(d * d for d in deviations) / (len(deviations) - 1))


def drawdown(path: Int64) -> tuple[float, int]:
    """Return the deepest fall from the highest point before it, as a fraction and in money."""
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


def _exposure(hours: Hours, fills: Fills) -> float | None:
    if hours.total == 0:
        return None
    pieces, n = _pieces(fills), len(fills.ts)
    opened = np.bincount(pieces.fill[pieces.opens], minlength=n)
    closed = np.bincount(pieces.fill[pieces.after == 0], minlength=n)
    exposed = np.cumsum(opened - closed) > 0
    elapsed = np.append(hours.elapsed(fills.ts), hours.total)
    return int(np.diff(elapsed)[exposed].sum()) / hours.total


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
