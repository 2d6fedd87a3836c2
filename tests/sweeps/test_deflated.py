"""The deflated Sharpe ratio, beside the paper's own example and SciPy's quantiles and moments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alphapanda.research.deflated import Chance, deflated, expected_maximum, warning

YEAR = math.sqrt(252)


def independent(closes: Any, sharpes: Any, trials: int) -> float:
    returns = np.diff(closes) / closes[:-1]
    ratio = returns.mean() / returns.std(ddof=1)
    per_day = sharpes / YEAR
    e_max = (1 - np.euler_gamma) * stats.norm.ppf(1 - 1 / trials)
    e_max += np.euler_gamma * stats.norm.ppf(1 - 1 / (trials * np.e))
    benchmark = per_day.std(ddof=1) * e_max
    skew, kurtosis = stats.skew(returns), stats.kurtosis(returns, fisher=False)
    scatter = math.sqrt(1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2)
    return float(stats.norm.cdf((ratio - benchmark) * math.sqrt(len(returns) - 1) / scatter))


@given(
    st.lists(st.integers(-400, 420), min_size=5, max_size=120).filter(lambda m: len(set(m)) > 1),
    st.lists(st.floats(-4, 4), min_size=2, max_size=40), st.integers(0, 500),
)  # fmt: skip
@settings(deadline=None)
def test_agrees_with_scipy(moves: list[int], sharpes: list[float], undefined: int) -> None:
    """For any returns and any spread of the trials; undefined ratios count as trials only."""
    closes = (10_000_000 + 1_000 * np.cumsum([0, *moves])).tolist()
    trials = len(sharpes) + undefined
    got = deflated(closes, np.array([*sharpes, *[np.nan] * undefined]), trials)
    expected = independent(np.array(closes, float), np.array(sharpes), trials)
    assert got is not None
    assert got.deflated_sharpe == pytest.approx(expected, abs=1e-9)


def test_the_papers_example() -> None:
    """100 trials whose ratios a year have the variance 1/2: the best has 0.1132 a day by chance."""
    assert expected_maximum(1 / 2 / 250, 100) == pytest.approx(0.1132, abs=5e-5)


def test_one_trial_has_nothing_to_deflate() -> None:
    """Of a single run the ratio is the plain probability that its Sharpe is above zero."""
    rising = [10_000, 10_020, 10_010, 10_050, 10_060, 10_090]
    got = deflated(rising, np.array([1.0]), 1)
    assert got is not None
    assert got.chance_sharpe == 0
    assert 0.5 < got.deflated_sharpe < 1


@pytest.mark.parametrize("closes", [[100], [100, 101, 102], [100] * 9, [100, 50, -3, 5, 60]])
def test_what_cannot_be_told_is_said(closes: list[int]) -> None:
    """Too few days, no movement, a ruined account: no number, and a warning that says so."""
    assert deflated(closes, np.array([1.0, 2.0]), 2) is None
    assert "can't be told" in str(warning(None))


def test_the_warning_begins_at_95_per_cent() -> None:
    """The rule of the warning: a deflated ratio below 0.95 is what chance gives."""
    facts = {"sharpe": 1.2, "chance_sharpe": 1.5, "trials": 400, "days": 60, "skew": 0.0}
    assert warning(Chance(deflated_sharpe=0.95, kurtosis=3.0, **facts)) is None
    told = warning(Chance(deflated_sharpe=0.9499, kurtosis=3.0, **facts))
    assert told is not None
    assert told.startswith("the best of 400 looks like chance: a Sharpe ratio of 1.20")
