"""Cointegration of two instruments: how surely the distance between them comes back.

Engle and Granger's two steps within each window: first = intercept + ratio x second by least
squares, then the augmented Dickey-Fuller statistic of the rest, with one lag and no constant. Its
law is no normal one: MacKinnon (2010) has the bounds, of long windows -3.34 at 5 %, -3.90 at 1 %.

The rest u of a pair changes with each line, but its sums rarely need a pass over the window: those
of its squares and of its steps d follow from sums of the legs, and those of both from
u(t) d(t) = (u(t)^2 - u(t-1)^2 + d(t)^2) / 2 and u(t-1) d(t) = (u(t)^2 - u(t-1)^2 - d(t)^2) / 2.
"""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import _pair, indicator
from alphapanda.indicators._pair import (
    RINGS,
    Y,
    covariance,
    pair,
    variance_left,
    variance_right,
)
from alphapanda.indicators._window import add_product, quotient, whole
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "ratio": float, "intercept": float, "deviation": float,
    **_pair.FIELDS,
}  # fmt: skip
OUTPUTS = ("value", "ratio", "intercept", "deviation")
INPUTS = ("left", "right")

LEAST = 10
NOTHING = 1e-12
"""What is left over, as a part of the first leg's variance: below it the two are one line."""

CLOSE = 0.1
"""What the edges of a window leave of a sum: below it the difference has lost too many digits."""

LEFT, BOTH, RIGHT = 0, 2, 4
"""Where the sums of products begin, of steps and then of steps with the steps before them."""
STEPS = 6


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
    made = _pair.prepare(whole(window, LEAST), returns=False)
    return {**made, "length": made["length"] + 2 * STEPS}


def update(self: Any, heap: Any, left: float, right: float) -> None:
    """Take in one pair."""
    size, count = self.window, self.count
    sums = self.offset + RINGS + 2 * (1 + size)
    if count >= size:
        count_steps(self, heap, sums, -1.0)
    pair(self, heap, left, right)
    if count >= 1:
        count_newest(self, heap, sums, count)
    if count + 1 < size:
        return
    first, second = means(self, heap)
    variance = variance_right(self, heap)
    self.ratio = covariance(self, heap) / variance if variance > 0.0 else 0.0
    self.intercept = first - self.ratio * second
    squares = max(variance_left(self, heap) - self.ratio * covariance(self, heap), 0.0)
    if squares <= NOTHING * variance_left(self, heap):
        self.value = 0.0
        self.deviation = 0.0
        return
    self.deviation = math.sqrt(squares) / size
    self.value = statistic(self, heap, sums, squares / size)


def means(self: Any, heap: Any) -> tuple[float, float]:
    """Return the mean of each leg."""
    at, size = self.offset, self.window * 1.0
    return quotient(heap[at], heap[at + 1], size), quotient(heap[at + Y], heap[at + Y + 1], size)


def seen(self: Any, heap: Any, leg: int, number: int) -> float:
    """Return an input of a leg (0 or 1) by its number, 0 the oldest; below 0 from the newest."""
    ring = self.offset + RINGS + leg * (1 + self.window)
    place = int(heap[ring]) + number
    if place < 0:
        place += self.window
    if place >= self.window:
        place -= self.window
    return float(heap[ring + 1 + place])


def step(self: Any, heap: Any, leg: int, number: int) -> float:
    """Return an input less the one before it."""
    return seen(self, heap, leg, number) - seen(self, heap, leg, number - 1)


def count_steps(self: Any, heap: Any, sums: int, sign: float) -> None:
    """Take the oldest step out of the sums, before its input goes."""
    left, right = step(self, heap, 0, 1), step(self, heap, 1, 1)
    count_in(heap, sums, sign * left, sign * right, left, right)
    left, right = sign * left, sign * right
    count_in(heap, sums + STEPS, left, right, step(self, heap, 0, 2), step(self, heap, 1, 2))


def count_newest(self: Any, heap: Any, sums: int, count: int) -> None:
    """Take the newest step into the sums; the second has none before it."""
    left, right = step(self, heap, 0, -1), step(self, heap, 1, -1)
    count_in(heap, sums, left, right, left, right)
    if count >= 2:
        old_left, old_right = step(self, heap, 0, -2), step(self, heap, 1, -2)
        count_in(heap, sums + STEPS, old_left, old_right, left, right)


def count_in(
    heap: Any, at: int, left: float, right: float, by_left: float, by_right: float
) -> None:
    """Add the products of two legs with two others; those across are one sum."""
    add_product(heap, at + LEFT, left, by_left)
    add_product(heap, at + BOTH, left, by_right)
    add_product(heap, at + BOTH, right, by_left)
    add_product(heap, at + RIGHT, right, by_right)


def summed(heap: Any, at: int, ratio: float) -> float:
    """Return the sum of products of the rest's steps."""
    across = heap[at + BOTH] + heap[at + BOTH + 1]
    squares = heap[at + RIGHT] + heap[at + RIGHT + 1]
    return float(heap[at + LEFT] + heap[at + LEFT + 1] - ratio * (across - ratio * squares))


def rest(self: Any, heap: Any, number: int) -> float:
    """Return what the line leaves over of a pair."""
    line = self.intercept + self.ratio * seen(self, heap, 1, number)
    return float(seen(self, heap, 0, number) - line)


def statistic(self: Any, heap: Any, sums: int, squares: float) -> float:
    """Return the statistic, of the sum of all squared rests; 0 where nothing is left to judge."""
    oldest, second = rest(self, heap, 0), rest(self, heap, 1)
    before, newest = rest(self, heap, -2), rest(self, heap, -1)
    every = max(summed(heap, sums, self.ratio), 0.0)
    steps = max(every - (newest - before) * (newest - before), 0.0)
    to_self = max(every - (second - oldest) * (second - oldest), 0.0)
    levels = max(squares - oldest * oldest - newest * newest, 0.0)
    both = 0.5 * (before * before - oldest * oldest + steps)
    to_level = 0.5 * (newest * newest - second * second - to_self)
    to_step = summed(heap, sums + STEPS, self.ratio)
    if levels < CLOSE * squares or min(steps, to_self) < CLOSE * every:
        levels, steps, both, to_level, to_step, to_self = passed(self, heap)
    spread = levels * steps - both * both
    if spread <= NOTHING * levels * steps:
        return 0.0
    pull = (to_level * steps - to_step * both) / spread
    lag = (to_step * levels - to_level * both) / spread
    left_over = to_self - pull * to_level - lag * to_step
    if left_over <= NOTHING * to_self:
        return 0.0
    return float(pull / math.sqrt(left_over / (self.window - 4) * steps / spread))


def passed(self: Any, heap: Any) -> tuple[float, float, float, float, float, float]:
    """Return the six sums by a pass over the window: where its edges are nearly all of them."""
    levels, steps, both, to_level, to_step, to_self = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    last = rest(self, heap, 1)
    before = last - rest(self, heap, 0)
    for number in range(2, self.window):
        now = rest(self, heap, number)
        levels += last * last
        steps += before * before
        both += last * before
        to_level += last * (now - last)
        to_step += before * (now - last)
        to_self += (now - last) * (now - last)
        before = now - last
        last = now
    return levels, steps, both, to_level, to_step, to_self
