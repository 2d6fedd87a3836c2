"""Our figures on random returns, against empyrical's on the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

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
