"""Average true range of bars, smoothed as Wilder did: (old x (window - 1) + range) / window."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "close": float, "window": int}
INPUTS = ("high", "low", "close")


@indicator
def atr(window: int | str, *, bar: str | None = None, leg: str | None = None) -> Any:
    """Declare the average true range of `window` bars, started as TA-Lib starts it."""
    return Indicator(__name__, {"window": window}, "last", bar, leg)


def prepare(window: int) -> dict[str, float]:
    """Return the first values of the record's fields; the first bar has no true range."""
    size = whole(window)
    return {"window": size, "warmup": size + 1}


def update(self: Any, heap: Any, high: float, low: float, close: float) -> None:
    """Take in one bar."""
    if self.count > 0:
        reach = max(high, self.close) - min(low, self.close)
        if self.count <= self.window:
            self.value += (reach - self.value) / self.count
        else:
            self.value = (self.value * (self.window - 1) + reach) / self.window
    self.close = close
