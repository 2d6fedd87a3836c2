"""Average directional index: how strong a trend is, from 0 to 100, with +DI and -DI."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import reach, whole, wilder
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "plus": float, "minus": float, "rises": float, "falls": float, "ranges": float,
    "high": float, "low": float, "close": float, "window": int,
}  # fmt: skip
OUTPUTS = ("value", "plus", "minus")
INPUTS = ("high", "low", "close")


@indicator
def adx(
    window: int | str = 14, *, bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare Wilder's ADX: `value`, and the directional indicators `plus` and `minus`."""
    return Indicator(__name__, {"window": window}, "last", bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window, 2)
    return {"window": size, "warmup": 2 * size}


def update(self: Any, heap: Any, high: float, low: float, close: float) -> None:
    """Take in one bar; the first only gives what the second is compared with."""
    if self.count > 0:
        up = high - self.high
        down = self.low - low
        keep = 1.0 - 1.0 / self.window if self.count >= self.window else 1.0
        self.rises = self.rises * keep + (up if up > max(down, 0.0) else 0.0)
        self.falls = self.falls * keep + (down if down > max(up, 0.0) else 0.0)
        self.ranges = self.ranges * keep + reach(high, low, self.close)
        if self.count >= self.window:
            direct(self)
    self.high = high
    self.low = low
    self.close = close


def direct(self: Any) -> None:
    """Update the outputs; without any range both directions are 0, without either ADX stays."""
    self.plus = 100.0 * (self.rises / self.ranges) if self.ranges > 0.0 else 0.0
    self.minus = 100.0 * (self.falls / self.ranges) if self.ranges > 0.0 else 0.0
    both = self.plus + self.minus
    number = self.count - self.window
    if both > 0.0:
        self.value = wilder(self.value, 100.0 * (abs(self.plus - self.minus) / both), number,
                            self.window)  # fmt: skip
    elif number < self.window:
        self.value = wilder(self.value, 0.0, number, self.window)
