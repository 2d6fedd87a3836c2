"""The search for the paper settings that come nearest to live fills: deterministic, no chance.

One setting after the other is tried on a grid, then between the best value's neighbours; in rounds,
until none moves. A score is piecewise constant (an order meets one row or the next): many values
fit equally well. Of those the default is taken if it is among them, else one in their middle, and
their range is kept, which says how much the data can tell.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from alphapanda.calibration.fill_errors import Compared, mean_price
from alphapanda.calibration.sent import Floats

MS, BASIS_POINT, PERCENT = 1_000_000, 1_000, 100_000
GRIDS: dict[str, tuple[int, ...]] = {
    "latency": tuple(MS * n for n in (
        0, 1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 3_000, 5_000, 10_000,
        30_000, 60_000, 120_000, 300_000,
    )),
    "slippage": tuple(BASIS_POINT * n // 4 for n in (
        0, 1, 2, 4, 6, 8, 12, 16, 20, 30, 40, 60, 80, 120, 200,
    )),
    "volume_share": tuple(PERCENT * n for n in (
        1, 2, 3, 5, 7, 10, 15, 20, 25, 30, 40, 50, 65, 80, 100,
    )),
}  # fmt: skip
"""Values that are tried at first: ns, and rates in 1e-7. Minutes of latency are those of rehearsals
in which an hour lasts seconds."""
MISSING_BP = 20.0
"""What an order costs in the score that filled in one only; a part of it, that part."""
MINUTE_BP = 1.0
"""What a minute costs in the score by which fills are apart."""
ROUNDS = 3
STEPS, FINER = 4, 2
"""Values tried between two neighbours, and how often; in the first round none."""
SAME = 1e-9
"""Scores so near are equal: sums of the same numbers in another order differ by less."""


class Terms(NamedTuple):
    """Paper settings that are fitted: ns, and rates in 1e-7. As they stand, the defaults."""

    latency: int = 0
    slippage: int = 0
    volume_share: int = 10_000_000

    def but(self, name: str, value: int) -> Terms:
        """Return the same settings but for one."""
        return self._replace(**{name: value})


Score = Callable[[Terms], float]


@dataclass(frozen=True)
class Fit:
    """The settings found, their score, and by setting the range that fits equally well."""

    terms: Terms
    score: float
    ranges: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    """Settings of which every value fits equally well: the data do not tell, the default stays."""


def scores(found: Compared) -> Floats:
    """Return how far paper was from live for each order, in basis points of its price.

    The difference of the mean prices on what both filled; MISSING_BP for what one filled and the
    other did not; MINUTE_BP for each minute between their mean times. 0 where neither filled.
    """
    live, paper = found.run.filled, found.paper
    asked = np.abs([order.qty for order in found.run.orders])
    asked = np.maximum(np.maximum(asked, live.qty), np.maximum(paper.qty, 1))
    apart = np.abs(live.qty - paper.qty) / asked
    common = np.minimum(live.qty, paper.qty) / asked
    prices = np.nan_to_num(np.abs(found.each_error()) / mean_price(live) * 1e4)
    minutes = np.nan_to_num(np.abs(found.late()) / 6e10)
    made = prices * common + MISSING_BP * apart + MINUTE_BP * minutes * common
    return np.where(found.at_exchange, made, 0.0)


def fit(score: Score, names: Sequence[str]) -> Fit:
    """Return the settings with the lowest score; those not named keep their defaults."""
    known: dict[Terms, float] = {}

    def asked(terms: Terms) -> float:
        if terms not in known:
            known[terms] = score(terms)
        return known[terms]

    best = Fit(Terms(), asked(Terms()))
    for finer in (0, *[FINER] * ROUNDS):
        before = best.terms
        for name in names:
            best = line_search(asked, best, name, finer)
        if best.terms == before and finer:
            break
    silent = tuple(name for name in names if not tells(asked, best.terms, name))
    if not silent:
        return best
    default = Terms()._asdict()
    terms = best.terms._replace(**{name: default[name] for name in silent})
    ranges = {name: each for name, each in best.ranges.items() if name not in silent}
    return replace(best, terms=terms, score=asked(terms), ranges=ranges, silent=silent)


def tells(score: Score, terms: Terms, name: str) -> bool:
    """Say if any value of a setting fits better than another."""
    found = [score(terms.but(name, value)) for value in GRIDS[name]]
    least = min(found)
    return not math.isinf(least) and max(found) - least > SAME


def line_search(score: Score, best: Fit, name: str, finer: int) -> Fit:
    """Return the best value of one setting, the others as they are, with its range."""
    tried = {getattr(best.terms, name): best.score}

    def see(values: Sequence[int]) -> None:
        for value in values:
            if value not in tried:
                tried[value] = score(best.terms.but(name, value))

    see(GRIDS[name])
    for _ in range(finer):
        low, high, below, above = plateau(tried)
        see(between(below, low))
        see(between(high, above))
    low, high, _, _ = plateau(tried)
    least, value = tried[low], low
    for value in preferred(name, low, high):
        see([value])
        if tried[value] <= least + SAME:
            break
    else:
        value = low
    terms = best.terms.but(name, value)
    return Fit(terms, tried[value], {**best.ranges, name: (low, high)})


def plateau(tried: Mapping[int, float]) -> tuple[int, int, int, int]:
    """Return first and last of the neighbouring values that fit best, and those beside them."""
    values = sorted(tried)
    found = np.array([tried[value] for value in values])
    first = last = int(np.argmin(found))
    while last + 1 < len(values) and found[last + 1] <= found[first] + SAME:
        last += 1
    below, above = values[max(first - 1, 0)], values[min(last + 1, len(values) - 1)]
    return values[first], values[last], below, above


def between(low: int, high: int) -> list[int]:
    """Return some values between two, at even distances."""
    return [low + (high - low) * n // (STEPS + 1) for n in range(1, STEPS + 1)]


def preferred(name: str, low: int, high: int) -> list[int]:
    """Return values of a range, the best to take first.

    The default, because nothing speaks against it; else one near the middle with few digits.
    """
    middle = (low + high) // 2
    rounded = [round(middle, -place) for place in range(len(str(middle)), 0, -1)]
    near = [value for value in rounded if abs(value - middle) * 4 <= high - low]
    default = Terms()._asdict()[name]
    return [default, *near, middle] if low <= default <= high else [*near, middle]
