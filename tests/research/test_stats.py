"""The figures of a run, against plain recounts in Decimal and pandas."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapanda.research.stats import Fills, Trips, round_trips, statistics

CASH = 10_000_000_000  # Rs 10 lakh, scaled
FIRST = int(datetime(2026, 3, 2, 3, 45, tzinfo=UTC).timestamp()) * 10**9  # 09:15 IST
SECOND = 10**9
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


def int64(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


def fills_of(*rows: tuple[int, ...], multiplier: Any = 1) -> Fills:
    """Build fills from rows of (ts, strategy, row, qty, price, charges)."""
    columns = np.array(rows, np.int64).reshape(-1, 6).T
    return Fills(*columns)._replace(multiplier=multiplier)


def daily(*equities: int, cash: int = CASH, fills: Fills | None = None) -> dict[str, Any]:
    """Return the figures of one equity point a day."""
    ts = FIRST + DAY * np.arange(len(equities))
    return statistics(
        ts, int64(*equities), initial_cash=cash, fills=Fills.none() if fills is None else fills
    )


# The same again, naively


class Naive(NamedTuple):
    """A round trip as the naive recount keeps it."""

    strategy: int
    row: int
    entry_ts: int
    exit_ts: int
    side: int
    qty: int
    pnl: int
    charges: int
    fills: int
    first: int
    last: int
    opened: int
    entry_value: int
    exit_value: int


def naive_trips(fills: Fills) -> list[Naive]:
    """Recount the trips fill by fill."""
    open_trips: dict[tuple[int, int], list[int]] = {}
    positions: dict[tuple[int, int], int] = defaultdict(int)
    closed = []

    def book(key: tuple[int, int], ts: int, qty: int, price: int, charges: int, n: int) -> None:
        trip = open_trips.setdefault(key, [ts, 1 if qty > 0 else -1, 0, 0, 0, 0, n, 0, 0, 0])
        positions[key] += qty
        trip[2] = max(trip[2], abs(positions[key]))
        trip[3] -= qty * price + charges
        trip[4] += charges
        trip[5] += 1
        inward = qty * trip[1] > 0
        trip[7] += abs(qty) if inward else 0
        trip[8 if inward else 9] += abs(qty) * price
        if positions[key] == 0:
            entry, side, most, pnl, paid, count, first, *sums = open_trips.pop(key)
            closed.append(Naive(*key, entry, ts, side, most, pnl, paid, count, first, n, *sums))

    rows = zip(*(column.tolist() for column in fills[:6]), strict=True)
    for n, (ts, strategy, row, qty, price, charges) in enumerate(rows):
        key, unit = (strategy, row), price * int(fills.multiplier)
        before = positions[key]
        if before * (before + qty) < 0:
            closing = charges * abs(before) // abs(qty)
            book(key, ts, -before, unit, closing, n)
            book(key, ts, before + qty, unit, charges - closing, n)
        else:
            book(key, ts, qty, unit, charges, n)
    return closed


def records(trips: Trips) -> list[Naive]:
    return [Naive(*row) for row in zip(*(column.tolist() for column in trips), strict=True)]


def ist(ns: int) -> date:
    return (datetime(1970, 1, 1) + timedelta(microseconds=ns // 1000, hours=5.5)).date()


def naive_risk(ts: Any, equity: Any, cash: int) -> dict[str, Decimal | int | None]:
    """Recount the figures of equity in 50-digit Decimals."""
    with localcontext() as context:
        context.prec = 50
        by_day: dict[date, int] = {}
        for at, value in zip(ts.tolist(), equity.tolist(), strict=True):
            by_day[ist(at)] = value
        closes = [Decimal(cash), *(Decimal(v) for v in by_day.values())]
        returns = [b / a - 1 for a, b in pairwise(closes)]
        n, year = len(returns), Decimal(252)
        peak, deepest, most = Decimal(cash), Decimal(0), 0
        for value in map(Decimal, equity.tolist()):
            peak = max(peak, value)
            deepest = max(deepest, (peak - value) / peak)
            most = max(most, int(peak - value))
        top, daily = closes[0], Decimal(0)
        for close in closes:
            top = max(top, close)
            daily = max(daily, (top - close) / top)
        found: dict[str, Decimal | int | None] = {
            "days": n,
            "max_drawdown": deepest,
            "max_drawdown_money": most,
            "max_drawdown_daily": daily,
            "return": closes[-1] / cash - 1,
        }
        if n < 2:
            none = dict.fromkeys(("volatility", "sharpe", "sortino", "cagr", "calmar"))
            return found | none
        mean = sum(returns, Decimal(0)) / n
        zero = Decimal(0)
        spread = (sum(((r - mean) ** 2 for r in returns), zero) / (n - 1)).sqrt()
        if all(b * closes[0] == closes[1] * a for a, b in pairwise(closes)):
            spread = zero
        below = (sum((min(r, zero) ** 2 for r in returns), zero) / n).sqrt()
        cagr = (closes[-1] / cash) ** (year / n) - 1
        return found | {
            "volatility": spread * year.sqrt(),
            "sharpe": mean / spread * year.sqrt() if spread else None,
            "sortino": mean / below * year.sqrt() if below else None,
            "cagr": cagr,
            "calmar": cagr / daily if daily else None,
        }


def same(got: Any, expected: Any) -> bool:
    if expected is None or got is None:
        return got is None and expected is None
    if isinstance(expected, int):
        return bool(got == expected)
    return math.isclose(got, float(expected), rel_tol=1e-6, abs_tol=1e-9)


# Random data

steps = st.tuples(st.integers(1, 40 * 3600), st.integers(-300_000_000, 300_000_000))
orders = st.tuples(
    st.integers(0, 3 * 3600),
    st.integers(0, 1),
    st.integers(0, 2),
    st.integers(-5, 5).filter(bool),
    st.integers(1, 10**7),
    st.integers(0, 10**5),
)


def timed(rows: list[tuple[int, ...]]) -> Fills:
    at, out = FIRST, []
    for wait, *rest in rows:
        at += wait * SECOND
        out.append((at, *rest))
    return fills_of(*out)


@given(st.lists(steps, min_size=1, max_size=60))
@settings(deadline=None)
def test_equity_figures_agree_with_decimal(moves: list[tuple[int, int]]) -> None:
    """Return, CAGR, volatility, Sharpe, Sortino, drawdowns and Calmar agree with 50 digits."""
    ts = FIRST + SECOND * np.cumsum([wait for wait, _ in moves])
    equity = np.maximum(CASH + np.cumsum([move for _, move in moves]), CASH // 10)
    got = statistics(ts, equity, initial_cash=CASH, fills=Fills.none())
    for name, expected in naive_risk(ts, equity, CASH).items():
        assert same(got[name], expected), (name, got[name], expected)


@given(st.lists(steps, min_size=3, max_size=60))
@settings(deadline=None, max_examples=50)
def test_equity_figures_agree_with_pandas(moves: list[tuple[int, int]]) -> None:
    """The same figures agree with what a pandas user would write."""
    ts = FIRST + SECOND * np.cumsum([wait for wait, _ in moves])
    equity = CASH + np.cumsum([move for _, move in moves])
    index = pd.to_datetime(ts, utc=True).tz_convert("Asia/Kolkata")
    series = pd.Series(equity.astype(float), index=index)
    closes = series.groupby(index.date).last()
    returns = pd.concat([pd.Series([float(CASH)]), closes]).pct_change().dropna()
    path = pd.concat([pd.Series([float(CASH)]), series.reset_index(drop=True)])
    got: dict[str, Any] = statistics(ts, equity, initial_cash=CASH, fills=Fills.none())
    assert got["days"] == len(returns)
    assert same(got["max_drawdown"], float((1 - path / path.cummax()).max()))
    if len(returns) < 2 or returns.std() < 1e-8:  # where the floats of pandas are too coarse
        return
    assert same(got["volatility"], float(returns.std() * 252**0.5))
    assert same(got["sharpe"], float(returns.mean() / returns.std() * 252**0.5))
    below = float((returns.clip(upper=0) ** 2).mean()) ** 0.5
    if below == 0 or below > 1e-8:
        assert same(got["sortino"], float(returns.mean()) / below * 252**0.5 if below else None)
    assert same(got["cagr"], float((1 + returns).prod() ** (252 / len(returns)) - 1))


@given(st.lists(orders, max_size=60))
@settings(deadline=None)
def test_trips_agree_with_a_fill_by_fill_recount(rows: list[tuple[int, ...]]) -> None:
    """Trips, and what follows from them, agree with a recount that keeps books."""
    fills = timed(rows)
    expected = naive_trips(fills)
    assert records(round_trips(fills)) == expected
    got = daily(CASH, fills=fills)
    wins = [trip.pnl for trip in expected if trip.pnl > 0]
    losses = [trip.pnl for trip in expected if trip.pnl < 0]
    assert got["trips"] == len(expected)
    assert got["hit_rate"] == (len(wins) / len(expected) if expected else None)
    assert got["profit_factor"] == (sum(wins) / -sum(losses) if losses else None)
    assert got["charges"] == sum(row[-1] for row in rows)
    assert got["traded_value"] == sum(abs(row[3]) * row[4] for row in rows)


@given(st.lists(orders, max_size=30))
@settings(deadline=None)
def test_huge_numbers_do_not_wrap(rows: list[tuple[int, ...]]) -> None:
    """Beyond int64, books are kept in Python's integers: the same trips, a trillion times over."""
    huge = [(*row[:3], row[3] * 10**6, row[4] * 10**8, row[5] * 10**11) for row in rows]
    fills = timed(huge)
    assert records(round_trips(fills)) == naive_trips(fills)
    got = daily(CASH, fills=fills)
    assert got["traded_value"] == sum(abs(row[3]) * row[4] for row in huge)
    assert got["charges"] == sum(row[5] for row in huge)


@given(st.lists(orders, max_size=40), st.integers(0, 10**5), st.integers(1, 10**6))
@settings(deadline=None)
def test_exposure_agrees_with_a_recount(
    rows: list[tuple[int, ...]], start: int, length: int
) -> None:
    """Exposure is the time with any position, cut to the time of the equity points."""
    fills, first = timed(rows), FIRST + start * SECOND
    end = first + length * SECOND
    got = statistics(int64(first, end), int64(CASH, CASH), initial_cash=CASH, fills=fills)
    positions: dict[tuple[int, int], int] = defaultdict(int)
    held, since = 0, first
    for ts, strategy, row, qty in zip(*(column.tolist() for column in fills[:4]), strict=True):
        now = min(max(ts, first), end)
        held += now - since if any(positions.values()) else 0
        since, positions[strategy, row] = now, positions[strategy, row] + qty
    held += end - since if any(positions.values()) else 0
    assert got["exposure"] == held / (end - first)


# Cases with known answers


def test_a_run_without_anything() -> None:
    """A run without equity and fills has no days, and undefined figures are None."""
    assert daily() == {
        "return": 0.0,
        "cagr": None,
        "volatility": None,
        "sharpe": None,
        "sortino": None,
        "max_drawdown": 0.0,
        "max_drawdown_money": 0,
        "max_drawdown_daily": 0.0,
        "calmar": None,
        "traded_value": 0,
        "turnover": None,
        "trips": 0,
        "hit_rate": None,
        "average_win": None,
        "average_loss": None,
        "profit_factor": None,
        "exposure": None,
        "gross_exposure": None,
        "charges": 0,
        "days": 0,
    }


def test_figures_are_plain_python() -> None:
    """Every figure is an int, a float or None, so JSON can say it."""
    got = daily(CASH + 5, CASH - 5, CASH, fills=timed([(0, 0, 0, 1, 50, 2), (9, 0, 0, -1, 60, 2)]))
    assert {type(value) for value in got.values()} <= {int, float, type(None)}
    assert not any(isinstance(v, float) and not math.isfinite(v) for v in got.values())


def test_one_day_has_no_ratios() -> None:
    """One day has a return and a drawdown, and nothing that needs a variance."""
    got = daily(CASH * 11 // 10)
    assert got["return"] == 0.1
    assert got["days"] == 1
    assert [got[name] for name in ("cagr", "volatility", "sharpe", "sortino")] == [None] * 4


def test_constant_equity_has_no_variance() -> None:
    """Constant equity: volatility 0, ratios None, no drawdown."""
    got = daily(*[CASH] * 5)
    assert got["volatility"] == got["cagr"] == got["max_drawdown"] == got["return"] == 0
    assert got["sharpe"] is got["sortino"] is got["calmar"] is None


def test_steady_growth_has_no_variance() -> None:
    """Equal returns have no Sharpe, though in floats their last bits differ."""
    equities = [CASH * 101**d // 100**d for d in range(1, 5)]
    assert all(CASH * 101**d % 100**d == 0 for d in range(1, 5))
    got = daily(*equities)
    assert got["volatility"] == 0
    assert got["sharpe"] is got["sortino"] is None
    assert got["cagr"] == pytest.approx(1.01**252 - 1)


def test_a_known_sharpe_and_sortino() -> None:
    """Returns of +10 % and -10 %: mean 0; then -10 % twice and +10 %."""
    got = daily(CASH * 110 // 100, CASH * 99 // 100)
    assert got["sharpe"] == pytest.approx(0)
    assert got["volatility"] == pytest.approx(math.sqrt(0.02) * math.sqrt(252))
    got = daily(CASH * 90 // 100, CASH * 81 // 100, CASH * 891 // 1000)
    assert got["sortino"] == pytest.approx((-0.1 / 3) / math.sqrt(0.02 / 3) * math.sqrt(252))
    assert got["max_drawdown"] == 0.19


def test_the_first_loss_counts_from_the_initial_cash() -> None:
    """A run that only falls has its peak in the initial cash."""
    got = daily(CASH // 2)
    assert got["max_drawdown"] == 0.5
    assert got["max_drawdown_money"] == CASH // 2


def test_deepest_and_dearest_drawdown_may_differ() -> None:
    """The greatest fraction and the greatest sum are each found."""
    got = daily(CASH // 2, CASH * 10, CASH * 9)
    assert got["max_drawdown"] == 0.5
    assert got["max_drawdown_money"] == CASH


def test_drawdowns_within_a_day_count() -> None:
    """A fall that is made good before the close is in the drawdown, not in the returns."""
    got = statistics(
        int64(FIRST, FIRST + 1, FIRST + 2),
        int64(CASH, CASH * 4 // 5, CASH),
        initial_cash=CASH,
        fills=Fills.none(),
    )
    assert got["max_drawdown"] == 0.2
    assert got["days"] == 1


def test_days_are_dates_in_india() -> None:
    """18:29:59.999999999 UTC and 18:30 UTC are on two days in India."""
    midnight = int(datetime(2026, 3, 2, 18, 30, tzinfo=UTC).timestamp()) * 10**9
    for later, days in ((0, 2), (-1, 1)):
        got = statistics(
            int64(midnight - 1, midnight + later),
            int64(CASH, CASH),
            initial_cash=CASH,
            fills=Fills.none(),
        )
        assert got["days"] == days


def test_a_day_with_fills_alone_carries_the_close() -> None:
    """A day on which there are only fills counts, with the close before it."""
    fills = fills_of((FIRST - DAY, 0, 0, 1, 100, 0), (FIRST + DAY, 0, 0, -1, 100, 0))
    ts = int64(FIRST, FIRST + 2 * DAY)
    got = statistics(ts, int64(CASH * 2, CASH), initial_cash=CASH, fills=fills)
    assert got["days"] == 4  # returns 0, 1, 0, -1/2
    assert got["volatility"] == pytest.approx(np.std([0, 1, 0, -0.5], ddof=1) * 252**0.5)


def test_ruin_has_no_further_returns() -> None:
    """A day that starts without money has no return, so the ratios are None."""
    got = daily(0, 0)
    assert got["return"] == got["cagr"] == -1
    assert got["max_drawdown"] == 1
    assert got["volatility"] is got["sharpe"] is None
    got = daily(CASH, -CASH)
    assert got["return"] == -2
    assert got["cagr"] is None


def test_a_fortune_in_two_days_has_no_cagr() -> None:
    """A rate beyond floats is None, not an error."""
    assert daily(CASH, CASH * 1_000, cash=1)["cagr"] is None


def test_one_fill_is_no_trip() -> None:
    """A position that is never closed is exposure and turnover, but no trip."""
    fills = fills_of((FIRST + HOUR, 0, 0, 10, 1_000_000, 500))
    got = statistics(
        int64(FIRST, FIRST + 2 * HOUR), int64(CASH, CASH), initial_cash=CASH, fills=fills
    )
    assert got["trips"] == 0
    assert got["hit_rate"] is got["average_win"] is got["profit_factor"] is None
    assert got["exposure"] == 0.5
    assert got["traded_value"] == 10_000_000
    assert got["turnover"] == 10_000_000 / CASH
    assert got["charges"] == 500


def test_all_losing() -> None:
    """Trips that only lose: hit rate and profit factor 0, no average win."""
    fills = timed([(0, 0, 0, 1, 100, 3), (1, 0, 0, -1, 100, 3)] * 3)
    got = daily(CASH, fills=fills)
    assert (got["trips"], got["hit_rate"], got["profit_factor"]) == (3, 0.0, 0.0)
    assert got["average_win"] is None
    assert got["average_loss"] == -6


def test_all_winning() -> None:
    """Without a loss the profit factor is undefined."""
    got = daily(CASH, fills=timed([(0, 0, 0, -1, 101, 0), (1, 0, 0, 1, 100, 0)]))
    assert got["hit_rate"] == 1.0
    assert got["average_win"] == 1
    assert got["profit_factor"] is got["average_loss"] is None


def test_charges_can_turn_a_gain_into_a_loss() -> None:
    """A trip's P&L is after charges; one that comes out at 0 is neither won nor lost."""
    got = daily(CASH, fills=timed([(0, 0, 0, 1, 100, 1), (1, 0, 0, -1, 102, 1)]))
    assert got["trips"] == 1
    assert got["hit_rate"] == 0.0
    assert got["average_win"] is got["average_loss"] is None


def test_a_reversal_is_split() -> None:
    """A reversing fill ends one trip and starts the next; its charges are shared out exactly."""
    fills = fills_of((1, 7, 3, 2, 100, 5), (2, 7, 3, -5, 110, 11), (3, 7, 3, 3, 90, 7))
    assert records(round_trips(fills)) == [
        Naive(7, 3, 1, 2, 1, 2, 20 - 5 - 4, 5 + 4, 2, 0, 1, 2, 200, 220),
        Naive(7, 3, 2, 3, -1, 3, 60 - 7 - 7, 7 + 7, 2, 1, 2, 3, 330, 270),
    ]


def test_the_multiplier_counts() -> None:
    """Money is quantity times price times multiplier, one for all or one a fill."""
    rows = [(1, 0, 0, 1, 100, 0), (2, 0, 0, -1, 110, 0)]
    for multiplier in (25, int64(25, 25)):
        fills = fills_of(*rows, multiplier=multiplier)
        assert round_trips(fills).pnl.tolist() == [250]
        assert daily(CASH, fills=fills)["traded_value"] == 210 * 25


def test_strategies_do_not_net() -> None:
    """Two strategies with opposite positions in one instrument are both exposed."""
    fills = fills_of((FIRST, 0, 0, 1, 100, 0), (FIRST, 1, 0, -1, 100, 0))
    got = daily(CASH, CASH, fills=fills)
    assert got["exposure"] == 1.0
    assert got["trips"] == 0


def test_long_equity_sums_do_not_wrap() -> None:
    """The mean of much equity is right where its sum is beyond int64."""
    equity = np.full(20_000, 10**15, np.int64)
    got = statistics(
        FIRST + np.arange(20_000),
        equity,
        initial_cash=10**15,
        fills=fills_of((FIRST, 0, 0, 1, 10**9, 0)),
    )
    assert got["turnover"] == 1e-6


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"equity": int64(1)}, "equities"),
        ({"equity_ts": int64(5, 4)}, "equity fall"),
        ({"initial_cash": 0}, "not positive"),
        ({"fills": fills_of((1, 0, 0, 0, 5, 0))}, "quantity 0"),
        ({"fills": fills_of((2, 0, 0, 1, 5, 0), (1, 0, 0, 1, 5, 0))}, "fills fall"),
        ({"fills": Fills.none()._replace(ts=int64(1))}, "length"),
        ({"fills": fills_of((2, 0, 0, 1, 5, 0), multiplier=int64(1, 1))}, "length"),
    ],
)
def test_impossible_input_is_refused(change: dict[str, Any], word: str) -> None:
    """Arrays that no run can leave are refused by name."""
    good: dict[str, Any] = {
        "equity_ts": int64(4, 5),
        "equity": int64(CASH, CASH),
        "initial_cash": CASH,
        "fills": Fills.none(),
    }
    with pytest.raises(ValueError, match=word):
        statistics(**(good | change))
