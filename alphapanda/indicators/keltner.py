"""Keltner channel: an exponential average of closes, and some true ranges around it."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import reach, smooth, whole, wilder
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "upper": float, "lower": float, "range": float, "close": float, "width": float,
    "alpha": float, "window": int, "range_window": int,
}  # fmt: skip
OUTPUTS = ("value", "upper", "lower")
INPUTS = ("high", "low", "close")
ON_PRICE = OUTPUTS


@indicator
def keltner(
    window: int | str = 20, range_window: int | str = 10, width: float | str = 2.0, *,
    bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare a Keltner channel: `value` is the average; the edges lie `width` x ATR from it."""
    given = {"window": window, "range_window": range_window, "width": width}
    return Indicator(__name__, given, "last", bar, leg)


def prepare(window: int, range_window: int, width: float) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size, ranges = whole(window), whole(range_window, 1, "range_window")
    return {
        "window": size, "range_window": ranges, "width": width * 1.0, "alpha": 2.0 / (size + 1.0),
        "warmup": max(size, ranges + 1),
    }  # fmt: skip


def update(self: Any, heap: Any, high: float, low: float, close: float) -> None:
    """Take in one bar; the first has no true range."""
    self.value = smooth(self.value, close, self.count, self.window, self.alpha)
    if self.count > 0:
        range_ = reach(high, low, self.close)
        self.range = wilder(self.range, range_, self.count - 1, self.range_window)
    self.close = close
    self.upper = self.value + self.width * self.range
    self.lower = self.value - self.width * self.range
