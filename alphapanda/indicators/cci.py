"""Commodity channel index: the typical price's distance from its mean, in mean deviations."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import MEAN, mean, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "window": int}
INPUTS = ("high", "low", "close")


@indicator
def cci(
    window: int | str = 20, *, bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare the commodity channel index of `window` bars; without any deviation it is 0."""
    return Indicator(__name__, {"window": window}, "last", bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window, 2)
    return {"window": size, "length": MEAN + size, "warmup": size}


def update(self: Any, heap: Any, high: float, low: float, close: float) -> None:
    """Take in one bar.

    The deviations from a mean that moves have no running sum: this costs a pass over the window.
    Equal typical prices may differ in their last bit; that is no deviation.
    """
    typical = (high + low + close) / 3.0
    middle = mean(heap, self.offset, self.window, typical)
    first = self.offset + MEAN
    deviations = 0.0
    for place in range(first, first + self.window):
        deviations += abs(heap[place] - middle)
    distance = typical - middle
    least = 1e-13 * abs(middle) * self.window
    self.value = distance / (0.015 * deviations / self.window) if deviations > least else 0.0
