"""Figures of a run's days over a window that moves, and beside the benchmark.

=============== ===================================================================================
benchmark       the account that puts an equal part of the cash in each instrument at its first
                price, and waits (`curves.benchmark`); a day is its value at the day's end
beta            covariance of both daily returns / variance of the benchmark's
alpha           mean of return - beta x benchmark's return, times 252: a fraction a year, without
                a riskless rate
correlation     of both daily returns
=============== ===================================================================================

None where there are fewer than two returns, or one of the two never moved.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from alphapanda.model.calendar import DAY, IST
from alphapanda.research.curves import benchmark
from alphapanda.research.pack import Pack
from alphapanda.research.stats import DAYS_A_YEAR, risk
from alphapanda.research.table import number, percent
from alphapanda.research.trades import Path

Int64 = NDArray[np.int64]
Floats = NDArray[np.float64]
WINDOW = 63
"""Trading days, a quarter of a year."""


def rolling(closes: Int64) -> tuple[Int64, Floats, Floats]:
    """Return which days have a window behind them, its Sharpe ratio, its volatility a year.

    `closes` are the initial cash and each day's close, scaled; days count from 0. As in `stats.py`;
    a window without a Sharpe ratio (no deviation at all, or no equity) is left out.
    """
    if len(closes) <= WINDOW:
        return np.zeros(0, np.int64), np.zeros(0), np.zeros(0)
    figures = [risk(window) for window in sliding_window_view(closes, WINDOW + 1)]
    known = [place for place, each in enumerate(figures) if each["sharpe"] is not None]
    sharpe = np.array([figures[place]["sharpe"] for place in known], float)
    volatility = np.array([figures[place]["volatility"] for place in known], float)
    return np.array(known, np.int64) + WINDOW - 1, sharpe, volatility


def benchmark_closes(path: Path, days: Int64, cash: int) -> Int64:
    """Return the cash and the benchmark's value at the end of each day (of India)."""
    ends = (days + 1) * DAY - IST - 1
    return np.append(cash, benchmark(path, ends, cash).value)


def beside(closes: Int64, other: Int64) -> dict[str, float | None]:
    """Return alpha, beta and correlation of an account with a benchmark, by day closes [D + 1]."""
    none = dict.fromkeys(("alpha", "beta", "correlation"))
    if len(closes) < 3 or min(closes[:-1].min(), other[:-1].min()) <= 0:
        return none
    mine, theirs = np.diff(closes) / closes[:-1], np.diff(other) / other[:-1]
    mean, middle = mine.mean(), theirs.mean()
    spread, deviation = float(((theirs - middle) ** 2).sum()), float(((mine - mean) ** 2).sum())
    if spread <= 0.0 or deviation <= 0.0:
        return none
    together = float(((mine - mean) * (theirs - middle)).sum())
    beta = together / spread
    return {
        "alpha": float(mean - beta * middle) * DAYS_A_YEAR, "beta": beta,
        "correlation": together / math.sqrt(spread * deviation),
    }  # fmt: skip


def add_rolling(pack: Pack, days: Int64, closes: Int64, *, unit: float) -> None:
    """Add Sharpe ratio and volatility of the days behind each day, at its end, in a page's unit."""
    places, sharpe, volatility = rolling(closes)
    pack.add("rolling_ts", ((days[places] + 1) * DAY - IST - 1) // 1_000_000)
    pack.add("rolling_sharpe", sharpe / unit)
    pack.add("rolling_volatility", volatility / unit)


def beside_benchmark(path: Path, days: Int64, closes: Int64) -> list[Any]:
    """Return the figures beside buying and holding, as a group of a page."""
    found = beside(closes, benchmark_closes(path, days, int(closes[0])))
    return [
        "Beside buy and hold",
        [["Alpha, a year", percent(found["alpha"])], ["Beta", number(found["beta"])],
         ["Correlation", number(found["correlation"])]],
    ]  # fmt: skip
