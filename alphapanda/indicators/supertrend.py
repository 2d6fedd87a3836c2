"""Supertrend: a stop some true ranges from the middle of the bar, which only tightens."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import reach, whole, wilder
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "direction": float, "upper": float, "lower": float, "range": float,
    "close": float, "width": float, "window": int,
}  # fmt: skip
OUTPUTS = ("value", "direction")
INPUTS = ("high", "low", "close")
ON_PRICE = ("value",)


@indicator
def supertrend(
    window: int | str = 10, width: float | str = 3.0, *,
    bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare Supertrend: `value` is the line, `direction` 1 below prices and -1 above them.

    It begins as a falling trend, and turns when a close is beyond the line.
    """
    return Indicator(__name__, {"window": window, "width": width}, "last", bar, leg)


def prepare(window: int, width: float) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "width": width * 1.0, "direction": -1.0, "warmup": size + 1}


def update(self: Any, heap: Any, high: float, low: float, close: float) -> None:
    """Take in one bar; the lines begin when the average range is warm."""
    if self.count > 0:
        self.range = wilder(self.range, reach(high, low, self.close), self.count - 1, self.window)
    if self.count >= self.window:
        follow(self, (high + low) / 2.0, close)
    self.close = close


def follow(self: Any, middle: float, close: float) -> None:
    """Move both lines, which hold where they are unless the last close was beyond them."""
    upper = middle + self.width * self.range
    lower = middle - self.width * self.range
    begins = self.count == self.window
    if begins or upper < self.upper or self.close > self.upper:
        self.upper = upper
    if begins or lower > self.lower or self.close < self.lower:
        self.lower = lower
    if self.direction > 0.0 and close < self.lower:
        self.direction = -1.0
    elif self.direction < 0.0 and close > self.upper:
        self.direction = 1.0
    self.value = self.lower if self.direction > 0.0 else self.upper
