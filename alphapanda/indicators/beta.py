"""Rolling beta of two instruments: the slope of the first leg on the second, least squares."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import _pair, indicator
from alphapanda.indicators._pair import Y, covariance, pair, variance_right
from alphapanda.indicators._window import quotient
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "intercept": float, **_pair.FIELDS}
OUTPUTS = ("value", "intercept")
INPUTS = ("left", "right")


@indicator
def beta(
    window: int | str, *, legs: tuple[str, str] | None = None, of: str = "last",
    bar: str | None = None, returns: bool = True,
) -> Any:  # fmt: skip
    """Declare the beta of the first leg on the second over `window` pairs; on a flat leg it is 0.

    Of the changes from pair to pair, as TA-Lib's; with `returns=False` of the prices themselves:
    the hedge ratio of a pair, first = intercept + value x second. When pairs are made, see
    `correlation`.
    """
    return Indicator(__name__, {"window": window, "returns": returns}, of, bar, None, legs or ())


def prepare(window: int, returns: bool) -> dict[str, float]:
    """Return the first values of the record's fields."""
    return _pair.prepare(window, returns)


def update(self: Any, heap: Any, left: float, right: float) -> None:
    """Take in one pair."""
    if pair(self, heap, left, right):
        variance = variance_right(self, heap)
        self.value = covariance(self, heap) / variance if variance > 0.0 else 0.0
        size = self.window * 1.0
        first = quotient(heap[self.offset], heap[self.offset + 1], size)
        second = quotient(heap[self.offset + Y], heap[self.offset + Y + 1], size)
        self.intercept = first - self.value * second
