"""The deflated Sharpe ratio: how likely the best of many is better than chance would make it.

Bailey and Lopez de Prado, "The Deflated Sharpe Ratio" (Journal of Portfolio Management, 2014). Of N
combinations without any skill the best is expected to reach a Sharpe ratio of

    SR0 = sqrt(V) * ((1 - g) * Z(1 - 1/N) + g * Z(1 - 1/(N e)))

V being the variance of the Sharpe ratios of all of them, g Euler's constant and Z the quantiles of
the normal distribution. The deflated ratio is the probability that the true Sharpe ratio of the
best is above SR0, given the days there are and the skew and kurtosis of its daily returns:

    DSR = Phi((SR - SR0) * sqrt(T - 1) / sqrt(1 - skew * SR + (kurtosis - 1) / 4 * SR^2))

Sharpe ratios in these formulas are per day, not per year. Combinations that are alike count as if
they were independent, which judges strictly. One whose ratio is undefined (it never traded) counts
in N, not in V.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.research.stats import DAYS_A_YEAR

EULER = 0.5772156649015329
CONFIDENT = 0.95
"""A deflated ratio below this is what chance gives, says the warning."""


@dataclass(frozen=True, slots=True)
class Chance:
    """What the best is worth, set beside what chance gives. Ratios are a year's."""

    deflated_sharpe: float
    """A probability."""
    sharpe: float
    chance_sharpe: float
    """What the best of as many combinations without skill is expected to reach."""
    trials: int
    days: int
    skew: float
    kurtosis: float
    """3 for normal returns."""


def expected_maximum(variance: float, trials: int) -> float:
    """Return the Sharpe ratio that the best of so many without skill is expected to have."""
    if trials < 2 or variance <= 0:
        return 0.0
    normal = NormalDist()
    first, second = (normal.inv_cdf(1 - 1 / (trials * by)) for by in (1, math.e))
    return math.sqrt(variance) * ((1 - EULER) * first + EULER * second)


def deflated(closes: Any, sharpes: NDArray[np.float64], trials: int) -> Chance | None:
    """Return what a run is worth that was chosen among `trials`; None where it can't be told.

    `closes` are its equity, first the initial cash, then each day's last; `sharpes` the ratios a
    year of all the runs (NaN where undefined).
    """
    if len(closes) < 4 or min(closes) <= 0:
        return None
    path = np.asarray(closes, np.int64)
    returns = np.diff(path) / path[:-1]
    mean, spread = returns.mean(), returns.std(ddof=1)
    if spread <= 0:
        return None
    centred = returns - mean
    second = (centred**2).mean()
    skew = float((centred**3).mean() / second**1.5)
    kurtosis = float((centred**4).mean() / second**2)
    ratio = float(mean / spread)
    return chance_of((ratio, len(returns), skew, kurtosis), sharpes, trials)


def chance_of(
    run: tuple[float, int, float, float], sharpes: NDArray[np.float64], trials: int
) -> Chance | None:
    """Return what a run is worth by its daily ratio, its days, its skew and its kurtosis."""
    ratio, days, skew, kurtosis = run
    daily = sharpes[np.isfinite(sharpes)] / math.sqrt(DAYS_A_YEAR)
    chance = expected_maximum(float(daily.var(ddof=1)) if len(daily) > 1 else 0.0, trials)
    squared = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if squared <= 0:
        return None
    score = (ratio - chance) * math.sqrt(days - 1) / math.sqrt(squared)
    year = math.sqrt(DAYS_A_YEAR)
    return Chance(
        NormalDist().cdf(score), ratio * year, chance * year, trials, days, skew, kurtosis
    )


def among(
    summary: Mapping[str, Any], sharpes: NDArray[np.float64], trials: int
) -> Chance | None:  # fmt: skip
    """Return what the best of a sweep is worth where it was chosen among more runs than its own."""
    facts = summary["chance"]
    if facts is None:
        return None
    ratio = facts["sharpe"] / math.sqrt(DAYS_A_YEAR)
    return chance_of((ratio, facts["days"], facts["skew"], facts["kurtosis"]), sharpes, trials)


def warning(chance: Chance | None) -> str | None:
    """Return what a trader must be told before believing in the best, None if nothing."""
    if chance is None:
        return (
            "whether the best is better than chance can't be told: that takes three trading days "
            "and an equity that moves"
        )
    if chance.deflated_sharpe >= CONFIDENT:
        return None
    start = f"a Sharpe ratio of {chance.sharpe:.2f}"
    if chance.trials > 1:
        start = (
            f"the best of {chance.trials:,} looks like chance: {start}, where the best of as many "
            f"without skill is expected to reach {chance.chance_sharpe:.2f}"
        )
    return f"{start}; deflated Sharpe ratio {chance.deflated_sharpe:.2f}, below {CONFIDENT}"


def verdict(chance: Chance | None) -> dict[str, Any]:
    """Return what chance says of the best, as a summary tells it."""
    facts = None if chance is None else asdict(chance)
    ratio = None if facts is None else facts.pop("deflated_sharpe")
    return {"deflated_sharpe": ratio, "chance": facts, "warning": warning(chance)}
