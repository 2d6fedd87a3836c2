"""Bollinger bands: a moving average, and `width` standard deviations around it."""

from __future__ import annotations

import math
from typing import Any

from alphapanda.indicators import indicator
from alphapanda.indicators._window import MOMENTS, moments, whole
from alphapanda.model.declaration import Indicator

FIELDS = {"value": float, "upper": float, "lower": float, "width": float, "window": int}
OUTPUTS = ("value", "upper", "lower")
INPUTS = ("price",)
ON_PRICE = OUTPUTS


@indicator
def bollinger(
    window: int | str = 20, width: float | str = 2.0, *,
    of: str = "last", bar: str | None = None, leg: str | None = None,
) -> Any:  # fmt: skip
    """Declare Bollinger bands: `value` is the average, `upper` and `lower` are the bands."""
    return Indicator(__name__, {"window": window, "width": width}, of, bar, leg)


def prepare(window: int, width: float) -> dict[str, float]:
    """Return the first values of the record's fields."""
    size = whole(window)
    return {"window": size, "width": width * 1.0, "length": MOMENTS + size, "warmup": size}


def update(self: Any, heap: Any, price: float) -> None:
    """Take in one input."""
    self.value, variance = moments(heap, self.offset, self.window, price)
    reach = self.width * math.sqrt(variance)
    self.upper = self.value + reach
    self.lower = self.value - reach
