"""Cointegration of two instruments: how surely the distance between them comes back.

Engle and Granger's two steps within each window: first = intercept + ratio x second by least
squares, then the augmented Dickey-Fuller statistic of what is left over, with one lag and no
constant. It is no number of deviations of a normal law: MacKinnon (2010) has the bounds for it, of
long windows -3.34 at 5 % and -3.90 at 1 %.
"""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import swap, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "ratio": float, "intercept": float, "deviation": float, "window": int}
OUTPUTS = ("value", "ratio", "intercept", "deviation")
INPUTS = ("left", "right")

LEAST = 10
NOTHING = 1e-9
"""What is left over, as a part of the prices: below it the two are one line, and say nothing."""


@indicator
def cointegration(
    window: int | str, *, legs: tuple[str, str] | None = None, of: str = "last",
    bar: str | None = None,
) -> Any:  # fmt: skip
    """Declare the statistic of `window` pairs: the lower, the surer; where nothing moves it is 0.

    `deviation` is that of what is left over, in rupees. When pairs are made, see `correlation`.
    """
    return Indicator(__name__, {"window": window}, of, bar, None, legs or ())


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window, LEAST)
    return {"window": size, "length": 2 * (1 + size), "warmup": size}


def update(self: Any, heap: Any, left: float, right: float) -> None:
    """Take in one pair; what is left over changes with the line, so this costs a few passes."""
    at, size = self.offset, self.window
    swap(heap, at, size, left)
    swap(heap, at + 1 + size, size, right)
    if self.count + 1 < size:
        return
    middle, other = average(heap, at + 1, size), average(heap, at + 2 + size, size)
    self.ratio = steepness(heap, at, size, middle, other)
    self.intercept = middle - self.ratio * other
    self.value, self.deviation = statistic(heap, at, size, middle, other, self.ratio)


def average(heap: Any, first: int, size: int) -> float:
    """Return the mean of numbers on the heap."""
    total = 0.0
    for place in range(first, first + size):
        total += heap[place] - heap[first]
    return float(heap[first] + total / size)


def steepness(heap: Any, at: int, size: int, middle: float, other: float) -> float:
    """Return the slope of the first leg on the second; on a flat one 0."""
    squares, products = 0.0, 0.0
    for place in range(size):
        x = heap[at + 2 + size + place] - other
        squares += x * x
        products += x * (heap[at + 1 + place] - middle)
    return products / squares if math.sqrt(squares / size) > NOTHING * abs(other) else 0.0


def statistic(
    heap: Any, at: int, size: int, middle: float, other: float, ratio: float
) -> tuple[float, float]:  # fmt: skip
    """Return the statistic and the deviation of what a line leaves over, from the oldest on."""
    total, before, last = 0.0, 0.0, 0.0
    levels, steps, both, to_level, to_step, to_self = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    place = int(heap[at])
    for number in range(size):
        rest = heap[at + 1 + place] - middle - ratio * (heap[at + 2 + size + place] - other)
        step = rest - last
        total += rest * rest
        if number >= 2:
            levels += last * last
            steps += before * before
            both += last * before
            to_level += last * step
            to_step += before * step
            to_self += step * step
        last = rest
        before = step
        place = place + 1 if place + 1 < size else 0
    deviation = math.sqrt(total / size)
    if deviation <= NOTHING * abs(middle):
        return 0.0, 0.0
    spread = levels * steps - both * both
    if spread <= NOTHING * levels * steps:
        return 0.0, deviation
    pull = (to_level * steps - to_step * both) / spread
    lag = (to_step * levels - to_level * both) / spread
    left_over = to_self - pull * to_level - lag * to_step
    if left_over <= NOTHING * to_self:
        return 0.0, deviation
    error = math.sqrt(left_over / (size - 4) * steps / spread)
    return pull / error, deviation
