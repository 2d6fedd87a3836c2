"""Donchian channel: highest high and lowest low of `window` bars, and their middle."""

from __future__ import annotations

from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import EXTREME, highest, lowest, whole
from alphapanda.model.declaration import Indicator

FIELDS = {
    "value": float, "upper": float, "lower": float, "high": float, "low": float, "window": int,
    "before": int,
}  # fmt: skip
OUTPUTS = ("value", "upper", "lower")
INPUTS = ("high", "low")
ON_PRICE = OUTPUTS


@indicator
def donchian(
    window: int | str = 20, *, before: bool = False, bar: str | None = None,
    leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare a Donchian channel: `value` is its middle, `upper` and `lower` are its edges.

    A close can't leave a channel that holds its own bar: with `before=True` the channel is that of
    the bars before this one.
    """
    return Indicator(__name__, {"window": window, "before": before}, "last", bar, leg)


def prepare(window: int, before: int) -> dict[str, float]:
    """Return the first values of the record's fields; the heap holds the highs, then the lows."""
    size, late = whole(window), int(before)
    block = EXTREME + 2 * size
    return {"window": size, "before": late, "length": 2 * block, "warmup": size + late}


def update(self: Any, heap: Any, high: float, low: float) -> None:
    """Take in one bar, or the one before it."""
    if self.before == 0:
        widen(self, heap, high, low)
    elif self.count > 0:
        widen(self, heap, self.high, self.low)
    self.high = high
    self.low = low


def widen(self: Any, heap: Any, high: float, low: float) -> None:
    """Count a bar into the channel."""
    lows = self.offset + EXTREME + 2 * self.window
    self.upper = highest(heap, self.offset, self.window, high)
    self.lower = lowest(heap, lows, self.window, low)
    self.value = (self.upper + self.lower) / 2.0
