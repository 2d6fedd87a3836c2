"""The mean gross exposure of a run: the worth of what is held, as a part of equity, over time.

Positions of different strategies count beside each other, without their signs, at the last price of
the run's price path; equity is that of the last P&L row. Both are read where pieces of the path end
and at fills, of which a long run has thousands taken evenly, and hold until the next reading. Time
is the trading time of the run. A reading without equity above 0 counts as 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alphapanda.research import curves
from alphapanda.research.hours import Hours
from alphapanda.research.stats import Fills
from alphapanda.research.trades import Path

Int64 = NDArray[np.int64]


def mean_gross(
    path: Path, fills: Fills, equity_ts: Int64, equity: Int64, *, cash: int, hours: Hours
) -> float | None:  # fmt: skip
    """Return the mean; None where the run has no trading time."""
    if hours.total == 0:
        return None
    at = np.unique(np.concatenate((curves.grid(path), curves.evenly(np.unique(fills.ts)))))
    if not len(at) or not len(fills.ts):
        return 0.0
    gross, _ = curves.exposure(path, fills, at)
    worth = np.append(cash, equity)[np.searchsorted(equity_ts, at, side="right")]
    part = np.where(worth > 0, gross.value / np.maximum(worth, 1), 0.0)
    lasted = np.diff(np.append(hours.elapsed(at), hours.total))
    return float((part * lasted).sum() / hours.total)
