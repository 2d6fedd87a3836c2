"""Columns and arrays that know what comes: values that go with later returns, or are later closes.

A cut cannot show what was learnt beforehand: of a file that holds the next minute's close beside
this minute's, or a score of the next quarter of an hour, the rows up to the cut hold the future.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alphapanda.model.money import SCALE
from alphapanda.validation.known import Int64, Market

Floats = NDArray[np.float64]
AHEAD = (1, 2, 3, 5, 10, 15, 30, 60, 120, 375)
"""Rows of the recording by which returns are later."""

LATER = 60
"""A later close is looked for this many rows ahead."""

FINDING, NOTE = 0.2, 0.12
"""Rank correlations: leaks have 0.23 to 1, what is honest has at most 0.12."""

DOUBT = 4.0
"""A finding is at least this many standard errors from chance."""

LEAST = 50
"""Values below which nothing can be said."""

MOST = 20_000
SAME = 0.9


@dataclass(frozen=True)
class Foresight:
    """What a series knows of the rows that come after each of its values."""

    strength: float
    """Rank correlation with the returns, or the share of values that are later closes."""
    ahead: int
    """Rows ahead."""
    equal: bool
    ts: int
    """When the first of its values is known, ns."""
    value: float

    @property
    def grave(self) -> bool:
        """Say if it is a finding, not a note."""
        return self.equal or self.strength >= FINDING

    def __str__(self) -> str:
        """Return it in words."""
        rows = "the next row" if self.ahead == 1 else f"the next {self.ahead} rows"
        if self.equal:
            return f"{self.strength:.0%} of its values are the close of {self.ahead} rows later"
        return f"its values go with the returns of {rows} (rank correlation {self.strength:.2f})"


def foresight(
    values: Any, known: Int64, market: Market, *, price: bool = False
) -> Foresight | None:
    """Return what numbers, known at `known`, know of any instrument's later closes.

    `price` is a price of the market itself: only if it is a later one is asked.
    """
    numbers = np.asarray(values, float)
    found: list[Foresight] = []
    for instrument in np.unique(market.row).tolist():
        ts, last = market.of_one(instrument)
        one = of_instrument(numbers, known, ts, last / SCALE, price=price)
        found += [one] if one is not None else []
    return max(found, key=lambda one: (one.equal, one.strength), default=None)


def of_instrument(
    values: Floats, known: Int64, ts: Int64, closes: Floats, *, price: bool
) -> Foresight | None:
    """Return what numbers know of one instrument's later closes."""
    at = np.searchsorted(ts, known, side="right") - 1
    good = np.nonzero((at >= 0) & np.isfinite(values) & (known <= ts[-1]))[0]
    if len(good) < LEAST or len(np.unique(values[good[:MOST]])) < 2:
        return None
    good = good[np.linspace(0, len(good) - 1, min(MOST, len(good))).astype(int)]
    at, numbers = at[good], values[good]
    first = int(known[good[0]]), float(numbers[0])
    ahead = later_close(numbers, at, closes)
    if ahead is not None:
        return Foresight(ahead[1], ahead[0], True, *first)
    if price:
        return None
    apart = max(int(np.median(np.diff(at))), 1)
    best: Foresight | None = None
    near = numbers / closes[at]
    relative = bool(((near > 0.5) & (near < 2.0)).mean() > SAME)
    for rows in AHEAD:
        inside = at + rows < len(closes)
        if inside.sum() < LEAST:
            break
        returns = closes[at[inside] + rows] / closes[at[inside]] - 1
        tried = [numbers[inside], *([near[inside]] if relative else [])]
        strength = max(abs(rank_correlation(one, returns)) for one in tried)
        error = 1 / np.sqrt(inside.sum() * min(1.0, apart / rows))
        chance = max(DOUBT * error, 2 * usual(closes, rows))
        if strength >= max(NOTE, chance) and (best is None or strength > best.strength):
            best = Foresight(float(strength), rows, False, *first)
    return best


def later_close(numbers: Floats, at: Int64, closes: Floats) -> tuple[int, float] | None:
    """Return how many rows later the values are closes, and of what share; None if they are not."""
    best = 0, 0.0
    for rows in range(1, LATER + 1):
        inside = at + rows < len(closes)
        here, there = closes[at[inside]], closes[at[inside] + rows]
        moved = np.abs(here - there) > 1e-9
        if moved.sum() < LEAST:
            continue
        share = float((np.abs(numbers[inside] - there) < 1e-6)[moved].mean())
        best = max(best, (rows, share), key=lambda one: one[1])
    return best if best[1] >= SAME else None


def usual(closes: Floats, rows: int) -> float:
    """Return how far a market's own last moves go with its next ones: prices bounce."""
    most = 0.0
    for before in (1, 5):
        at = np.arange(before, len(closes) - rows)
        past = closes[at] / closes[at - before] - 1
        later = closes[at + rows] / closes[at] - 1
        most = max(most, abs(rank_correlation(past, later)) if len(at) else 0.0)
    return most


def rank_correlation(one: Floats, other: Floats) -> float:
    """Return Spearman's rank correlation, 0 where one of the two never changes."""
    a, b = ranks(one), ranks(other)
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else 0.0


def ranks(values: Floats) -> Floats:
    """Return the rank of each value; equal ones share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    means: Floats = np.cumsum(count) - (count - 1) / 2
    return means[place.reshape(-1)]
