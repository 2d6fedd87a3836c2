"""Our figures on returns of many shapes, against those of empyrical and quantstats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from alphapanda.research.hours import Hours
from alphapanda.research.stats import Fills, statistics

CASH = 10_000_000_000
DAY = 86_400 * 10**9
FIRST = 1_754_280_000 * 10**9


@pytest.fixture(scope="module")
def empyrical() -> Any:
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports warns of its own
        import empyrical  # noqa: PLC0415
    return empyrical


@pytest.mark.parametrize("days", [2, 20, 250, 2_500])
@pytest.mark.parametrize("drift", [-0.002, 0.0, 0.002])
def test_figures_equal_those_of_empyrical(empyrical: Any, days: int, drift: float) -> None:
    """Return, CAGR, volatility, Sharpe, Sortino, drawdown, Calmar: the same, to the 9th digit."""
    chance = np.random.default_rng(days)
    equity = CASH * np.cumprod(1 + chance.normal(drift, 0.01, days))
    closes = np.round(equity).astype(np.int64)
    ours = statistics(FIRST + DAY * np.arange(days), closes, initial_cash=CASH, fills=Fills.none())
    returns = pd.Series(np.append(CASH, closes)).pct_change().dropna()
    theirs = {
        "return": empyrical.cum_returns_final(returns),
        "cagr": empyrical.cagr(returns),
        "volatility": empyrical.annual_volatility(returns),
        "sharpe": empyrical.sharpe_ratio(returns),
        "sortino": empyrical.sortino_ratio(returns),
        "max_drawdown": -empyrical.max_drawdown(returns),
        "calmar": empyrical.calmar_ratio(returns),
    }
    for name, value in theirs.items():
        mine = ours[name]
        if mine is None:
            assert not np.isfinite(value), name
        else:
            assert mine == pytest.approx(value, rel=1e-9), name


@pytest.fixture(scope="module")
def quantstats() -> Any:
    import warnings  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it imports warns of its own
        import quantstats.stats  # noqa: PLC0415
    return quantstats.stats


SHAPES = {
    "sparse": [0, 0, 0.004, -0.001, *[0] * 60],
    "one day of many": [*[0] * 30, 0.01, *[0] * 30],
    "short": [0.01, -0.02],
    "flat": [0] * 40,
    "losing": [-0.001, -0.004, -0.002, 0, -0.003] * 12,
    "winning": [0.001, 0.004, 0, 0.003] * 12,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # theirs divide by 0 where nothing moves
@pytest.mark.parametrize("shape", SHAPES)
def test_seldom_short_flat_and_losing(shape: str, empyrical: Any, quantstats: Any) -> None:
    """Days without an event are returns of 0: one equity row where it changes, all days counted."""
    wanted = CASH * np.cumprod(1 + np.array(SHAPES[shape], float))
    closes = np.round(wanted).astype(np.int64)
    days = FIRST // DAY + np.arange(len(closes))
    moves = np.flatnonzero(np.diff(np.append(CASH, closes)))
    hours = Hours(days, DAY * days, DAY * days + 1)
    ours = statistics(
        DAY * days[moves], closes[moves], initial_cash=CASH, fills=Fills.none(), hours=hours
    )
    index = pd.date_range("2025-08-04", periods=len(closes), freq="B")
    returns = pd.Series(np.append(CASH, closes), dtype=float).pct_change().dropna()
    returns.index = index
    theirs = {
        "cagr": (empyrical.cagr(returns),),
        "volatility": (empyrical.annual_volatility(returns), quantstats.volatility(returns)),
        "sharpe": (empyrical.sharpe_ratio(returns), quantstats.sharpe(returns)),
        "sortino": (empyrical.sortino_ratio(returns), quantstats.sortino(returns)),
        "max_drawdown_daily": (-empyrical.max_drawdown(returns), -quantstats.max_drawdown(returns)),
        "calmar": (empyrical.calmar_ratio(returns),),
    }
    assert ours["days"] == len(closes)
    for name, values in theirs.items():
        for value in values:
            if ours[name] is None:
                assert not np.isfinite(value), name
            else:
                assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-12), name
